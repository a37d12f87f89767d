"""tmfgraph: one typed graph over TM Forum resources, on PostgreSQL."""

__version__ = "0.1.0"
