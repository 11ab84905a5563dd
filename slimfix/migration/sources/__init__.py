"""Opens a network from what people have: a `.meta` file, a frozen graph, a SavedModel, its code."""

from slimfix.migration.sources.source import Source

__all__ = ["Source"]
