"""HTTP/1.1 (RFC 9112) as it arrives: heads, and bodies."""
