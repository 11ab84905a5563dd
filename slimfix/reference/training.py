"""The original network in training: statistics after a step, gradients, optimizer steps.

Its weights are variables of the graph that is run, so that TensorFlow's own optimizers and update
ops work on them. Dropout drops nothing: two programs agree only without random numbers.
"""

from __future__ import annotations

import contextlib
from types import MappingProxyType
from typing import Any, Collection, Iterator, Mapping, Sequence

import numpy as np

from slimfix import names
from slimfix.graphdef.variables import VARIABLE_OPS
from slimfix.network.trainable import find_trainable
from slimfix.reference import plain_graph
from slimfix.reference.optimizers import Optimizer, build_step
from slimfix.reference.rewriting import last_name, rewrite
from slimfix.reference.trained_network import (
    TrainedNetwork,
    find_layers,
    find_penalties,
    find_updates,
)
from slimfix.running import building, run_session, session_of

_SHIFT_SEED = 20150321


class TrainingGraph:
    """A network in training mode and one precision, with its update ops, gradients and steps."""

    def __init__(
        self,
        network: TrainedNetwork,
        inputs: Mapping[str, np.ndarray],
        float64: bool,
        optimizer: Optimizer | None = None,
    ):
        """Builds the graph.

        Args:
          network: which.
          inputs: value by tensor name; gives the sizes.
          float64: as of `original.Original`.
          optimizer: takes the steps of `TrainingRun.train`.
        """
        import tensorflow.compat.v1 as tf

        view = network.view
        layers = [layer for layer in find_layers(network) if layer.mode != "inference"]
        self._live = sorted({name for layer in layers for name in layer.statistics if name in view})
        updates = find_updates(network, layers)
        penalties = find_penalties(network)
        fetches = [*network.outputs, *penalties, *(f"{name}:0" for name in updates)]
        feeds = {**network.switches, **inputs}
        nodes, self._renamed = rewrite(view, feeds, fetches, float64, True, self._live)
        stored = {
            name: node
            for name, node in nodes.items()
            if plain_graph.is_stored(node) and name not in self._live
        }
        weights = [name for name, node in stored.items() if node.op in VARIABLE_OPS]
        self.network = network
        self.weights = tuple(weights)
        self._widened = plain_graph.widened if float64 else np.asarray
        self._constants = {n: s for n, s in stored.items() if n not in weights}
        self.graph = tf.Graph()
        with self.graph.as_default():
            self._variables = {name: self._variable(stored[name]) for name in weights}
            reads = {name: variable.read_value() for name, variable in self._variables.items()}
            plain = [plain_graph.placeholder(n) if n.name in stored else n for n in nodes.values()]
            plain_def = plain_graph.to_graph_def(plain, float64)
            with building():
                known = {f"{name}:0": read for name, read in reads.items()}
                tf.import_graph_def(plain_def, known, name="")
            self._updates = [self.graph.get_operation_by_name(name) for name in updates]
            self._outputs = [self.tensor(tensor) for tensor in network.outputs]
            self._build_gradients(reads, [self.tensor(tensor) for tensor in penalties], optimizer)
            self._build_assignments()
            self._initialize = tf.global_variables_initializer()

    def tensor(self, name: str) -> Any:
        """Returns the tensor that is run for one of the original graph."""
        return self.graph.get_tensor_by_name(last_name(name, self._renamed))

    @property
    def trainable(self) -> tuple[str, ...]:
        """Names of the variables that training moves by their gradient."""
        return tuple(self._gradients)

    @property
    def statistics(self) -> tuple[str, ...]:
        """Names of the variables that update ops move."""
        return tuple(self._live)

    @contextlib.contextmanager
    def open(self, shift: float = 0.0) -> Iterator[TrainingRun]:
        """Gives a run that begins with the network's own values.

        Args:
          shift: how far the weights are off theirs, relative, each with a drawn sign.
        """
        with session_of(self.graph) as session:
            run_session(session, self._initialize)
            generator = np.random.default_rng(_SHIFT_SEED)
            for name, (placeholder, assign) in self._assignments.items():
                value = self._widened(self.network.read(name))
                if shift and value.dtype.kind == "f":
                    value = value * (1.0 + shift * generator.choice([-1.0, 1.0], value.shape))
                run_session(session, assign, {placeholder: value})
            yield TrainingRun(self, session)

    def _variable(self, node: Any) -> Any:
        import tensorflow.compat.v1 as tf

        value = self._widened(self.network.read(node.name))
        # Filled later: a graph with all values in it may not be larger than 2 GB.
        empty = tf.zeros(value.shape, value.dtype)
        return tf.Variable(empty, trainable=False, use_resource=True)

    def _build_gradients(
        self, reads: Mapping[str, Any], penalties: Sequence[Any], optimizer: Optimizer | None
    ) -> None:
        import tensorflow.compat.v1 as tf

        ends = [output for output in self._outputs if output.dtype.is_floating]
        self.cotangents = [tf.placeholder(end.dtype, end.shape) for end in ends]
        self.targets = [tf.placeholder(end.dtype, end.shape) for end in ends]
        allowed = find_trainable(self.network.meta_graph)
        trained = {
            name: read
            for name, read in reads.items()
            if read.dtype.is_floating and _is_trained(name, allowed)
        }
        fed = {tensor: self.tensor(tensor) for tensor in self.network.inputs}
        sources = {**trained, **{t: x for t, x in fed.items() if x.dtype.is_floating}}
        found = _gradients(ends, list(sources.values()), self.cotangents)
        gradients = dict(zip(sources, found))
        self._gradients = {name: gradients[name] for name in trained}
        self._input_gradients = {n: g for n, g in gradients.items() if n not in trained}
        errors = [tf.reduce_mean(tf.square(end - t)) for end, t in zip(ends, self.targets)]
        self.loss = tf.add_n([*errors, *penalties]) if errors or penalties else None
        if optimizer is not None:
            steps = _gradients([self.loss], list(trained.values()), None)
            self._step = build_step(optimizer, steps, [self._variables[name] for name in trained])

    def _build_assignments(self) -> None:
        import tensorflow.compat.v1 as tf

        self._assignments: dict[str, Any] = {}
        self._reads: dict[str, Any] = {}
        for name, variable in self._variables.items():
            value = tf.placeholder(variable.dtype.base_dtype, variable.shape)
            self._assignments[name] = value, variable.assign(value, read_value=False)
            self._reads[name] = variable.read_value()
        for name in self._live:
            handle = self.graph.get_tensor_by_name(f"{name}:0")
            dtype = tf.as_dtype(self._widened(self.network.read(name)).dtype)
            value = tf.placeholder(dtype)
            if handle.dtype == tf.resource:
                assign = tf.raw_ops.AssignVariableOp(resource=handle, value=value)
                self._reads[name] = tf.raw_ops.ReadVariableOp(resource=handle, dtype=dtype)
            else:
                assign = tf.raw_ops.Assign(ref=handle, value=value, validate_shape=False).op
                self._reads[name] = handle
            self._assignments[name] = value, assign


class TrainingRun:
    """One session: every step goes on from the one before."""

    def __init__(self, graph: TrainingGraph, session: Any):
        self._graph = graph
        self._session = session
        switches = graph.network.switches
        self._fixed: dict[Any, Any] = {graph.tensor(n): value for n, value in switches.items()}
        for name, node in graph._constants.items():
            self._fixed[f"{name}:0"] = graph._widened(node.attr("value"))

    def read(self, variables: Sequence[str]) -> dict[str, np.ndarray]:
        """Returns the values that variables have now, by name."""
        reads = [self._graph._reads[name] for name in variables]
        return dict(zip(variables, run_session(self._session, reads)))

    def forward(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Returns the outputs by name, and moves the statistics as the update ops do."""
        graph = self._graph
        values = run_session(self._session, [graph._outputs, graph._updates], self._feed(inputs))[0]
        return dict(zip(graph.network.outputs, values))

    def gradients(
        self,
        inputs: Mapping[str, np.ndarray],
        cotangents: Sequence[np.ndarray],
        at: Mapping[str, np.ndarray] = MappingProxyType({}),
    ) -> dict[str, np.ndarray]:
        """Returns the gradients of sum(output * cotangent), by name of variable or input.

        Args:
          inputs: value by tensor name.
          cotangents: one for each floating-point output, of its shape.
          at: by tensor name, values in place of those that the graph computes there.
        """
        return self.gradients_and_values(inputs, cotangents, (), at)[0]

    def gradients_and_values(
        self,
        inputs: Mapping[str, np.ndarray],
        cotangents: Sequence[np.ndarray],
        tensors: Sequence[str],
        at: Mapping[str, np.ndarray] = MappingProxyType({}),
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Returns the same as `gradients`, and the values of some tensors in that very run.

        Args:
          inputs, cotangents, at: as of `gradients`.
          tensors: names in the original graph.
        """
        graph = self._graph
        wanted = {**graph._gradients, **graph._input_gradients}
        feed = self._feed(inputs, zip(graph.cotangents, cotangents))
        feed.update({graph.tensor(name): graph._widened(value) for name, value in at.items()})
        fetches = [wanted, {name: graph.tensor(name) for name in tensors}]
        gradients, values = run_session(self._session, fetches, feed)
        return gradients, values

    def train(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> float:
        """Takes one optimizer step, moves the statistics, and returns the loss before it.

        Args:
          inputs: value by tensor name.
          targets: one for each floating-point output; the loss is the sum of the mean squared
            differences to them, and of the network's regularization losses.
        """
        graph = self._graph
        feed = self._feed(inputs, zip(graph.targets, targets))
        return float(run_session(self._session, [graph.loss, graph._step, graph._updates], feed)[0])

    def is_true(self, tensor: str) -> bool:
        """Returns the value of a boolean that depends on switches alone."""
        return bool(run_session(self._session, self._graph.tensor(tensor), self._fixed))

    def _feed(self, inputs: Mapping[str, np.ndarray], more: Any = ()) -> dict[Any, Any]:
        graph = self._graph
        given = {graph.tensor(name): graph._widened(value) for name, value in inputs.items()}
        return {**self._fixed, **given, **{key: graph._widened(value) for key, value in more}}


def _is_trained(variable: str, allowed: Collection[str] | None) -> bool:
    """Tells whether an optimizer moves a variable; where nothing is known, all but statistics."""
    return not names.is_statistic_name(variable) if allowed is None else variable in allowed


def _gradients(ends: Sequence[Any], sources: Sequence[Any], cotangents: Any) -> list[Any]:
    """Returns dense gradients; zeros where an end does not depend on a source."""
    import tensorflow.compat.v1 as tf

    found = [None] * len(sources)
    if ends:
        with building():
            found = tf.gradients(ends, sources, cotangents)
    return [
        tf.zeros_like(source) if gradient is None else tf.convert_to_tensor(gradient)
        for gradient, source in zip(found, sources)
    ]
