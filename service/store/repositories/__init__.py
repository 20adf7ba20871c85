"""Repositories: the use cases' queries, one module per resource."""
