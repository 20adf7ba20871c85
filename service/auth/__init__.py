"""Who calls: from a bearer token to a caller, and nothing without one. Knows JWT."""
