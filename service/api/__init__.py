"""The HTTP API: thin views over the use cases, and all answers."""
