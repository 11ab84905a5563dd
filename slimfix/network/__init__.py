"""A TensorFlow 1 network, from whatever it was read: graph, values, inputs, outputs, switches."""
