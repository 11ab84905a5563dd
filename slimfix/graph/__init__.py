"""What the rooms of live TensorFlow 1 graphs share: layers, statistics, sessions."""
