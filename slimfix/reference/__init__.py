"""The original network, run as it is or in float64: what a proof holds Keras against."""
