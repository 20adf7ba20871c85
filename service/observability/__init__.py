"""Observability: logs, metrics, traces and probes, without codes, tokens or user ids."""
