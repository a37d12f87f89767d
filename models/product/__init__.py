"""The product domain: the catalogue, the products that customers have, and the orders for them."""
