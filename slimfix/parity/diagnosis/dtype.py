"""Guesses about the dtype in which a layer computes."""

from __future__ import annotations

from typing import Iterator

from slimfix.parity.diagnosis.chain import repaired
from slimfix.parity.diagnosis.hypothesis import Hypothesis
from slimfix.parity.diagnosis.segment import Segment


def guess_dtype(segment: Segment, index: int) -> Iterator[Hypothesis]:
    """Yields the guess that a layer should compute in the graph's dtype.

    A narrow dtype rounds so coarsely that it looks like another function; put right, it is the
    planned one, with the checkpoint's values, for its weights may be rounded too.
    """
    step = segment.chain.steps[index]
    has = getattr(step.operation, "compute_dtype", None)
    name = segment.planned_name(step)
    planned = {each.name: each.outputs[0].dtype for each in segment.planned.steps}
    wanted = planned.get(name) or next(reversed(planned.values()), "float32")
    if has is None or has == wanted or not (_is_float(has) and _is_float(wanted)):
        return
    if step.training:
        return  # The repair is called as in inference, which would mend that too.
    repair = repaired(step.operation, {"dtype": "float64"}, segment.variables(step))
    yield Hypothesis(f"computes in {has} in place of {wanted}", {index: repair})


def _is_float(dtype: str) -> bool:
    return "float" in dtype
