"""What is used and what is earned with it."""
