"""Parties, the roles they play, and identities."""
