"""What we do: reading, writing and answering."""
