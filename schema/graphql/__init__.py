"""The types of the graph, as GraphQL and its clients see them."""
