"""What a caller can ask for, in the domain's words; one module a resource."""
