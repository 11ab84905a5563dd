"""A network and all that is asked of it, checked as far as its files alone tell: no TensorFlow."""

from __future__ import annotations

import dataclasses
from typing import Sequence

from slimfix.errors import naming
from slimfix.network.batch_norm_choice import check_batch_norm
from slimfix.network.checks import check_filters
from slimfix.network.network import Network
from slimfix.network.reading import Reading, read_network
from slimfix.network.sources import Source
from slimfix.network.variable_checks import check_variables
from slimfix.network.weights import Weights, choose_values, find_weights


@dataclasses.dataclass(frozen=True)
class CheckedNetwork:
    """A network whose graph and checkpoint give the function that is asked for.

    Attributes:
      network: as it was opened.
      reading: what is asked for, found in its graph.
      weights: the values of its variables, raw or shadow as chosen.
      notes: on that choice.
    """

    network: Network
    reading: Reading
    weights: Weights
    notes: tuple[str, ...]


def check_network(
    source: Source,
    inputs: str | Sequence[str] = (),
    outputs: str | Sequence[str] = (),
    values: str | None = None,
) -> CheckedNetwork:
    """Returns a network, or refuses it before TensorFlow takes seconds to load.

    Args:
      source: where the network is; only a function that builds it needs TensorFlow.
      inputs: tensor names; () to find them (see `signature.find_signature`).
      outputs: names of end points; () to find them.
      values: 'raw' or 'shadow'; None where the checkpoint leaves no choice.
    Raises:
      CheckpointError: a file is missing or damaged.
      UsageError: inputs or outputs are unknown, or there are several candidates.
      UndecidedError: nobody can tell which statistics batch norms are to use (see
        `batch_norm_choice`), and the source does not say.
      CheckpointMismatchError: variables are missing, or of another shape.
      UnsupportedOpError: data decides what is computed.
      MigrationError: a batch norm has batch statistics alone, and the source does not choose them.
    """
    network = source.open()
    reading = read_network(network, inputs, outputs)
    with naming(network.source):
        raw = find_weights(network.view, reading.joined, network.checkpoint)
        resolved = reading.resolved
        check_batch_norm(network.view, reading.layers, resolved, raw, network.batch_norm)
        weights, notes = choose_values(raw, reading.variables, values)
        check_variables(network.view, reading.variables, weights)
        check_filters(resolved, weights)
    return CheckedNetwork(network, reading, weights, tuple(notes))
