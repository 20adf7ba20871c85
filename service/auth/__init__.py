"""Authentication: bearer tokens (JWT), their keys, and the callers that they stand for."""
