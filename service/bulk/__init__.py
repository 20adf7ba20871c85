"""`discount codes`: much work from the command line."""
