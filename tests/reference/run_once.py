"""The original graph, run in one window."""

from slimfix.reference.original import Original


def run_reference(view, read, feeds, fetches, float64):
    """Returns the values of tensors, all at once; arguments as of `Original`."""
    return next(Original(view, read, feeds, fetches, float64).run([fetches]))
