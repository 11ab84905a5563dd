"""Opens a network from what people have: a `.meta` file, a frozen graph, a SavedModel, its code."""

from slimfix.network.sources.source import Source

__all__ = ["Source"]
