"""What the TMF paths promise: their contract, and the documents that tell of it."""
