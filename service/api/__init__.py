"""HTTP: thin views over the use cases, and everything that can leave the service."""
