"""The resource domain: what the network is made of, and the orders that change it."""
