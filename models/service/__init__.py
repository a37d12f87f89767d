"""The service domain: what runs on the resources, and the orders that change it."""
