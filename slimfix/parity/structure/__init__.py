"""Proves, without a number where that can be, that a model has the operations of its plan."""
