"""Measures the inputs of layers over one pass of batches."""

from __future__ import annotations

from typing import Any, Iterable, Mapping, Sequence

import numpy as np

from slimfix.errors import RecalibrationError, UsageError, count, explain, reason
from slimfix.recalibration.moments import find_moments
from slimfix.recalibration.plan import Target
from slimfix.recalibration.population import Moments, pool
from slimfix.recalibration.sources import Source
from slimfix.running import explaining

_SINGLE = "1 element per channel: in training mode its variance is 0, and the output is beta"


def measure(
    session: Any, targets: Sequence[Target], feeds: Iterable[Mapping[Any, Any]], training: bool
) -> tuple[list[Moments], int]:
    """Returns the moments of each target's inputs over all feeds, and the number of feeds.

    Args:
      session: its graph gains the ops that compute the moments.
      targets: what to measure.
      feeds: complete feed dicts, switches among them.
      training: the layers normalise with the batch's statistics.
    Raises:
      UsageError: there is no feed.
      RecalibrationError: a batch or the whole population cannot be used.
    """
    fetches = [
        [find_moments(session.graph, source) for source in target.sources] for target in targets
    ]
    pooled: list[Moments] = []
    done = 0
    for feed in feeds:
        done += 1
        parts = [
            [Moments(float(elements), mean, deviation) for elements, mean, deviation in uses]
            for uses in _run(session, fetches, feed, done)
        ]
        _refuse_unusable(targets, parts, done, training)
        earlier = [[moments] for moments in pooled] or [[] for _ in targets]
        pooled = [pool(before + uses) for before, uses in zip(earlier, parts)]
    if not done:
        raise UsageError(
            explain(
                "Cannot recalibrate: there are no batches",
                cause="an empty list, or an iterator that had been read before.",
                fix="give a list of feed dicts, or a function that returns a fresh iterable.",
            )
        )
    _refuse_single(targets, pooled)
    return pooled, done


def _run(session: Any, fetches: Any, feed: Mapping[Any, Any], batch: int) -> Any:
    try:
        with explaining(session.graph):
            return session.run(fetches, feed)
    except (TypeError, ValueError) as error:  # Of another shape or dtype than the placeholder.
        fed = ((session.graph.as_graph_element(key), np.asarray(feed[key])) for key in feed)
        misfits = [
            f"'{tensor.name}': the data has {list(value.shape)}; the graph {tensor.shape}"
            for tensor, value in fed
            if not tensor.shape.is_compatible_with(value.shape)
        ]
        raise UsageError(
            explain(
                f"Cannot feed batch {batch}",
                misfits or [reason(error)],
                fix="shape the data as the tensor that they feed.",
            )
        ) from error


def _refuse_unusable(
    targets: Sequence[Target], parts: Sequence[Sequence[Moments]], batch: int, training: bool
) -> None:
    items = [
        f"'{target.scope}': {problem}"
        for target, uses in zip(targets, parts)
        for problem in dict.fromkeys(map(_find_problem, uses, target.sources))
        if problem and (training or problem != _SINGLE)
    ]
    if items:
        raise RecalibrationError(
            explain(
                f"Cannot use batch {batch}: the input of {count(len(items), 'batch norm')} "
                "has no usable mean and variance",
                items,
                cause="the batch is empty, too small or not finite, or a weight of the network is "
                "not finite; the first layer named is the nearest to the input.",
                fix="look at what this batch feeds, or cut the data into batches of another size; "
                "the old statistics are back in place.",
            )
        )


def _find_problem(moments: Moments, source: Source) -> str | None:
    if moments.count == 0:
        return "0 elements"
    broken = int(np.sum(~np.isfinite(moments.mean + moments.deviation)))
    if broken:
        return f"not finite in {broken} of {count(moments.mean.size, 'channel')}"
    return _SINGLE if moments.count == 1 and source.weights is None else None


def _refuse_single(targets: Sequence[Target], pooled: Sequence[Moments]) -> None:
    single = [
        target
        for target, moments in zip(targets, pooled)
        if moments.count == 1 and target.sources[0].weights is None
    ]
    if single:
        raise RecalibrationError(
            explain(
                f"Cannot compute a variance for {count(len(single), 'batch norm')}",
                [f"'{target.scope}': 1 element per channel in all batches" for target in single],
                cause="a single example was fed.",
                fix="feed more data: some thousand elements per channel make a population.",
            )
        )
