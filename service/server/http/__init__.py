"""HTTP/1.1 (RFC 9112): incremental reading of heads and bodies, and sending."""
