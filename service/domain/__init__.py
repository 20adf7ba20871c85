"""The domain: rules of names, codes, reservations and jobs, in the standard library alone."""
