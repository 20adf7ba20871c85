"""The views: each takes a request apart by its schema, asks a use case, and shows the result."""
