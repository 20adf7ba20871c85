"""Problems (RFC 9457): the representation of errors, and their only writer."""
