"""How GraphQL operations are read, bounded and answered."""
