"""Keys for the verification of tokens: from settings, files, or an issuer's URL."""
