"""TensorFlow 1 graphs as plain data: read `.meta` files, walk nodes, find batch-norm layers.

Nothing here imports a graph into TensorFlow or changes one. Used by `graph` (which works on live
graphs) and by `migrate` (which works on files); the two do not know each other.
"""
