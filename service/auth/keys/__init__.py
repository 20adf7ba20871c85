"""The keys that tokens are checked with: from settings, files, or an issuer at a URL."""
