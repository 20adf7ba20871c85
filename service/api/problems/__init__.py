"""Problems (RFC 9457): what callers read of each error, and the only writer of them."""
