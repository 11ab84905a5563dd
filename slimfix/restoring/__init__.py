"""Restores a checkpoint: all that was asked for, or an error that knows the likely cause."""
