"""What operations see: log lines, metrics, probes. Never a code, a token or a user id."""
