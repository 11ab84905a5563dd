"""Watches a running session: moving statistics proved by their values, and their drift."""
