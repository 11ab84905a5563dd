"""Runs the original TensorFlow 1 graph, as it is in float32 or rewritten to float64.

This is the side of the proof that owes nothing to the migration: the graph keeps its conditionals
and its identities, switches are fed, and batch norm is written out here once more.

It is run in windows, a few tensors at a time. Each run is fed what earlier ones computed, and only
the variables that it reads, so that neither all weights nor all activations are ever in memory.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, Iterator, Mapping, Sequence

import numpy as np

from slimfix import names
from slimfix.errors import MigrationError, UnsafeGraphError, UnsupportedOpError, count, explain
from slimfix.graphdef.view import GraphView, Node
from slimfix.network.importing import import_error
from slimfix.reference import plain_graph
from slimfix.reference.rewriting import last_name, rewrite
from slimfix.running import building, run_session, session_of

_ABSURD = 2**30  # Numbers in one tensor.


def graph_takes(
    view: GraphView,
    read: Callable[[str], np.ndarray],
    feeds: Mapping[str, Any],
    fetches: Sequence[str],
) -> bool:
    """Tells whether shapes of a graph fit together for these inputs, as far as TensorFlow infers.

    Args: as of `Original`.
    """
    try:
        Original(view, read, feeds, fetches, float64=False)
    except UnsupportedOpError:
        raise
    except MigrationError:
        return False
    return True


class Original:
    """The original graph in one precision, ready to run."""

    def __init__(
        self,
        view: GraphView,
        read: Callable[[str], np.ndarray],
        feeds: Mapping[str, Any],
        fetches: Sequence[str],
        float64: bool,
        training: bool = False,
    ):
        """Prepares the part of a graph that some tensors need.

        Args:
          view: the whole graph.
          read: gives the value of a variable by its name.
          feeds: value by tensor name; switches such as is_training among them, which may be
            variables too.
          fetches: names of all tensors that will be asked for.
          float64: rewrite every float32 tensor, constant and variable to float64, and every op
            whose kernel knows no float64 to ops that do.
          training: take the graph as training does, but that dropout drops nothing; else layers
            that are in training mode whatever the switches are taken in inference mode, unless
            `view` keeps batch statistics, and dropout left out (see `modes`).
        Raises:
          MigrationError: the graph refuses inputs of these shapes.
          UnsafeGraphError: it would do more than compute, or fill the memory.
          UnsupportedOpError: an op that this TensorFlow does not have.
        """
        import tensorflow.compat.v1 as tf

        self._read = read
        self._widened = plain_graph.widened if float64 else np.asarray
        self._nodes, self._renamed = rewrite(view, feeds, fetches, float64, training)
        self._stored = {name: n for name, n in self._nodes.items() if plain_graph.is_stored(n)}
        self._fed = {self._name(tensor): np.asarray(value) for tensor, value in feeds.items()}
        self._graph = tf.Graph()
        plain = (self._stored_as_placeholder(node) for node in self._nodes.values())
        with self._graph.as_default(), building():
            plain_def = plain_graph.to_graph_def(plain, float64)
            try:
                tf.import_graph_def(plain_def, name="")
            except tf.errors.NotFoundError as error:
                raise import_error(error) from error
        _refuse_absurd(self._graph)

    def size(self, tensor: str) -> int | None:
        """Returns the number of elements of a tensor, None where the graph does not tell."""
        shape = self._graph.get_tensor_by_name(self._name(tensor)).shape
        return shape.num_elements()

    def run(self, windows: Sequence[Sequence[str]]) -> Iterator[dict[str, np.ndarray]]:
        """Yields the values of one window after the other, by tensor name.

        Args:
          windows: names of tensors; a later window is computed from the values of earlier ones.
        """
        needs = self._needs(windows)
        last = {tensor: index for index, need in enumerate(needs) for tensor in need.tensors}
        known = {tensor: self._widened(value) for tensor, value in self._fed.items()}
        with session_of(self._graph) as session:  # Between two windows Keras runs.
            for index, (window, need) in enumerate(zip(windows, needs)):
                asked = [self._name(tensor) for tensor in window]
                feeds = {tensor: known[tensor] for tensor in need.tensors}
                feeds.update(
                    {f"{name}:0": self._stored_value(self._stored[name]) for name in need.stored}
                )
                values = run_session(session, asked, feeds)
                del feeds
                known.update(zip(asked, values))
                known = {t: value for t, value in known.items() if last.get(t, -1) > index}
                yield dict(zip(window, values))
                del values

    def _name(self, tensor: str) -> str:
        """Returns the name that a tensor of the original graph has in the one that is run."""
        return last_name(tensor, self._renamed)

    def _stored_value(self, node: Node) -> np.ndarray:
        value = plain_graph.stored_value(node, self._read)
        return value if plain_graph.STAYS_FLOAT32 in node.attrs else self._widened(value)

    def _stored_as_placeholder(self, node: Node) -> Node:
        return plain_graph.placeholder(node) if node.name in self._stored else node

    def _needs(self, windows: Sequence[Sequence[str]]) -> list[_Need]:
        known = set(self._fed)
        needs = []
        for window in windows:
            asked = [self._name(tensor) for tensor in window]
            needs.append(self._need(asked, known))
            known.update(asked)
        return needs

    def _need(self, asked: Sequence[str], known: set[str]) -> _Need:
        """Walks back from some tensors to what is known before."""
        tensors, visited = set(), set()
        pending = list(asked)
        while pending:
            tensor = pending.pop()
            if tensor in known:
                tensors.add(tensor)
                continue
            name = names.split_tensor_name(tensor.lstrip("^"))[0]
            if f"{name}:0" in self._fed:  # Something waits for a placeholder.
                tensors.add(f"{name}:0")
            elif name not in visited:
                visited.add(name)
                node = self._nodes[name]
                pending += [*node.inputs, *(f"^{control}" for control in node.control_inputs)]
        return _Need(tuple(sorted(tensors)), tuple(sorted(visited & set(self._stored))))


def _refuse_absurd(graph: Any) -> None:
    sizes = {
        tensor.name: (op.type, tensor.shape.num_elements() or 0)
        for op in graph.get_operations()
        for tensor in op.outputs
    }
    absurd = {name: found for name, found in sizes.items() if found[1] > _ABSURD}
    if absurd:
        raise UnsafeGraphError(
            explain(
                f"{count(len(absurd), 'tensor')} of the network would be larger than any that fits "
                "a computer like this; nothing was run",
                [f"{op} '{name}': {size:,} numbers" for name, (op, size) in absurd.items()],
                cause="the file is not what it seems, or the inputs are far too large.",
                fix="give smaller inputs with data (--data) or recording (--recording), or choose "
                "--outputs before these tensors.",
            )
        )


@dataclasses.dataclass(frozen=True)
class _Need:
    """What a window reads: tensors that are known before it, and stored values."""

    tensors: tuple[str, ...]
    stored: tuple[str, ...]
