"""What was tried of a model, in words: batches, sizes and values."""

from __future__ import annotations

from slimfix.migration.function import format_shape
from slimfix.parity.rows import DomainParity, VariantParity


def describe_domain(domain: DomainParity | None) -> str:
    """Returns in one line on which inputs a model was compared; '' where on one set only."""
    if domain is None:
        return ""
    usual, *more = [describe_variant(each) for each in domain.variants]
    drawn = f"; and, drawn with seed {domain.seed}, on " + "; ".join(more) if more else ""
    return f"every layer on {usual}{drawn}"


def describe_variant(variant: VariantParity) -> str:
    """Returns the shapes and the range of values of some inputs, e.g. '[1,33,47,3] 0 to 255'."""
    return ", ".join(
        (f"'{tensor}' " if len(variant.shapes) > 1 else "") + f"{format_shape(shape)} {values}"
        for (tensor, shape), values in zip(variant.shapes, variant.ranges)
    )
