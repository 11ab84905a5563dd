"""Writes a model plan as Keras source that people read, and proves that it is the same model."""

from slimfix.source.check import check_source
from slimfix.source.module import About, format_source

__all__ = ["About", "check_source", "format_source"]
