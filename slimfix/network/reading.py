"""What is asked of a network, found in its graph: inputs, outputs, and what lies between."""

from __future__ import annotations

import dataclasses
from typing import Mapping, Sequence

from slimfix.errors import naming
from slimfix.graphdef.batch_norm import BatchNormLayer, find_batch_norm_layers
from slimfix.graphdef.partitioned import find_joined
from slimfix.graphdef.side_effects import refuse_side_effects
from slimfix.network.checks import check_control_flow, check_fed, check_outputs
from slimfix.network.inference import in_inference_mode
from slimfix.network.network import Network
from slimfix.network.resolve import resolve
from slimfix.network.resolved import Resolved
from slimfix.network.signature import Signature, find_signature


@dataclasses.dataclass(frozen=True)
class Reading:
    """What the graph of a network says of the function that is asked for.

    Attributes:
      signature: inputs and outputs, as they are called in the graph.
      joined: the partitioned variable by the name of the node that joins its parts.
      layers: all batch norms of the graph.
      resolved: the function from inputs to outputs in inference mode.
    """

    signature: Signature
    joined: Mapping[str, str]
    layers: Sequence[BatchNormLayer]
    resolved: Resolved

    @property
    def variables(self) -> list[str]:
        """Names of the variables that the function reads, sorted."""
        return sorted(set(self.resolved.variables.values()))


def read_network(
    network: Network, inputs: str | Sequence[str] = (), outputs: str | Sequence[str] = ()
) -> Reading:
    """Returns what is asked of a network.

    Args:
      network: as it was opened.
      inputs: tensor names, or the names that the source has for them; () to find them.
      outputs: names of end points, or of the source's; () to find them.
    Raises:
      UsageError: inputs or outputs are unknown, there are several candidates, or the outputs need
        what no input feeds.
      UnsupportedOpError: data decides what is computed.
      UnsafeGraphError: the outputs need ops that do more than compute.
    """
    with naming(network.source):
        return _read(network, inputs, outputs)


def _read(network: Network, inputs: str | Sequence[str], outputs: str | Sequence[str]) -> Reading:
    view = network.view
    signature = find_signature(
        view,
        _tensors(inputs, network.inputs) or network.default_inputs,
        _tensors(outputs, network.outputs) or network.default_outputs,
    )
    joined = find_joined(view)
    layers = find_batch_norm_layers(view)
    kept = view.keeps_batch_statistics
    inference = view if kept else in_inference_mode(view, layers, joined)
    resolved = resolve(inference, signature.inputs, signature.outputs, joined)
    check_outputs(signature, resolved)
    check_fed(resolved)
    check_control_flow(resolved)
    refuse_side_effects(resolved.nodes.values(), view.allowed_ops)
    return Reading(signature, joined, layers, resolved)


def _tensors(given: str | Sequence[str], known: Mapping[str, str]) -> list[str]:
    """Returns what the user named, with the tensor names of what the source has names for."""
    return [known.get(name, name) for name in ([given] if isinstance(given, str) else given)]
