"""Feeds: batches that can be read as often as needed, and what the graph still asks for."""

from __future__ import annotations

from typing import Any, Callable, Iterable, Mapping, Sequence

from slimfix import names
from slimfix.dtypes import dtype_name
from slimfix.errors import UsageError, count, explain
from slimfix.graphdef.view import GraphView, Node

_BATCHES_FIX = (
    "give a list of feed dicts, or a function without arguments that returns a fresh iterable."
)
PLACEHOLDER_OPS = ("Placeholder", "PlaceholderV2")
# What gives data by itself in the training program, and here would wait for ever, or fail.
_PIPELINE_OPS = (
    "IteratorGetNext",
    "QueueDequeue",
    "QueueDequeueV2",
    "QueueDequeueMany",
    "QueueDequeueManyV2",
    "QueueDequeueUpTo",
    "QueueDequeueUpToV2",
    "ReaderRead",
    "ReaderReadV2",
    "Unstage",
)
DATA_OPS = (*PLACEHOLDER_OPS, *_PIPELINE_OPS)


def opener_of(batches: Any, passes: int) -> Callable[[], Iterable[Mapping[Any, Any]]]:
    """Returns a function that gives the batches from the start, each time it is called.

    Args:
      batches: an iterable of feed dicts, or such a function.
      passes: how often it will be called.
    Raises: UsageError: the batches can be read once only, and are needed more often.
    """
    if callable(batches):
        return batches
    if not hasattr(batches, "__iter__") or isinstance(batches, Mapping):
        raise UsageError(f"batches is a {type(batches).__name__}; " + _BATCHES_FIX)
    if passes > 1 and iter(batches) is batches:
        raise UsageError(
            explain(
                f"batches can be read once only, and {passes} passes over them are needed",
                cause="it is a generator or another iterator.",
                fix=_BATCHES_FIX,
            )
        )
    return lambda: batches


def read_feed(graph: Any, feed: Mapping[Any, Any]) -> dict[str, Any]:
    """Returns a feed with tensor names for keys, where a key is a tensor or a tensor's name.

    A SparseTensor is fed with three values, as tf.Session.run takes them.

    Raises: UsageError: the graph has no tensor of that name.
    """
    named: dict[str, Any] = {}
    for key, value in feed.items():
        if isinstance(key, str):
            named[_read_name(graph, key)] = value
        elif hasattr(key, "dense_shape"):
            parts = (key.indices, key.values, key.dense_shape)
            named.update(zip((part.name for part in parts), value))
        else:
            named[key.name] = value
    return named


def _read_name(graph: Any, key: str) -> str:
    name = names.join_tensor_name(*names.split_tensor_name(key))
    try:
        return graph.get_tensor_by_name(name).name
    except (KeyError, ValueError):
        known = [f"{op.name}:0" for op in graph.get_operations() if op.type.startswith("Placehold")]
        near = names.near_names(name, known)
        raise UsageError(
            explain(
                f"A batch feeds '{key}', and the graph has no such tensor",
                [f"'{each}' is a placeholder" for each in (near or known)],
                fix="feed tensors of this graph.",
            )
        ) from None


def refuse_unfed(
    view: GraphView, fetches: Iterable[str], fed: Iterable[str], sources: Sequence[str]
) -> None:
    """Raises where the fetches depend on sources of data that are not fed.

    Args:
      fetches, fed: tensor names.
      sources: op types that give no data by themselves.
    """
    nodes_fed = {names.split_tensor_name(tensor)[0] for tensor in fed}
    needed = view.ancestors(
        [names.split_tensor_name(tensor)[0] for tensor in fetches],
        stop=lambda node: node.name in nodes_fed,
    )
    lacking = [node for node in view.in_order(needed - nodes_fed) if node.op in sources]
    if lacking:
        raise UsageError(
            explain(
                f"The batches leave out {count(len(lacking), 'tensor')} that the network needs",
                [f"'{node.name}:0': {_describe(node)}" for node in lacking],
                fix="feed these too, or a tensor that is computed from them.",
            )
        )


def _describe(node: Node) -> str:
    if node.op not in PLACEHOLDER_OPS:
        return f"{node.op}, an input pipeline that does not run here"
    shape = node.attr("shape")
    sizes = "?" if shape is None else ",".join("?" if size is None else str(size) for size in shape)
    return f"placeholder [{sizes}] {dtype_name(node.attr('dtype'))}"
