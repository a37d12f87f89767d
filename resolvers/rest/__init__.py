"""The TMF paths over HTTP: requests in, entities out."""
