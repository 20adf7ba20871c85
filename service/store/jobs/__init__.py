"""Jobs: asked for by callers, leased and done by workers."""
