"""What we offer: the GraphQL schema, derived from the declarations."""
