"""Mutants by search: random networks, random edits of their Keras models, and right variants."""
