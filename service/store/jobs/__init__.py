"""Jobs: requested by callers, leased and done by workers."""
