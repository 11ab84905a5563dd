"""TensorFlow 1 graph mode: train ops and savers that keep batch-norm statistics right."""
