"""Views: each calls a use case with a parsed request, and returns its representation."""
