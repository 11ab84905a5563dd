"""Keras layers that do in training what slim's did, where Keras's own layer cannot."""
