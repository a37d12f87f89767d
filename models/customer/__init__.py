"""Customers and what concerns them."""
