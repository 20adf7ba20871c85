"""Use cases: what callers can do, one module per resource."""
