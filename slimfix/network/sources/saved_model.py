"""SavedModels of TensorFlow 1: the graph, its variables, and the names of its signature."""

from __future__ import annotations

import dataclasses
import os
from typing import Any, Sequence

from slimfix import names
from slimfix.checkpoint import read_checkpoint
from slimfix.dtypes import STRING
from slimfix.graphdef.saved_model import read_saved_model
from slimfix.graphdef.view import GraphView
from slimfix.network.forward import find_settings
from slimfix.network.network import Network, open_network
from slimfix.network.sources.frozen_graph import thaw

_DEFAULT = "serving_default"  # tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY


def open_saved_model(folder: str) -> Network:
    """Returns the network of a SavedModel's folder.

    Its inputs and outputs are those of the signature 'serving_default', or of the only one; not
    where that takes text, as serialized examples are: then they are found in the graph. Left out
    are inputs that are settings, such as is_training, and outputs that are text, such as labels.

    Raises: CheckpointError: as `read_saved_model`, or its variables cannot be read.
    """
    meta_graph = read_saved_model(folder)
    prefix = os.path.join(folder, "variables", "variables")
    if os.path.isfile(prefix + ".index"):
        network = open_network(meta_graph, read_checkpoint(prefix), folder)
    else:
        network = thaw(meta_graph, folder)
    signature = _signature(meta_graph)
    if signature is None:
        return network
    inputs = {name: info.name for name, info in sorted(signature.inputs.items())}
    outputs = {name: info.name for name, info in sorted(signature.outputs.items())}
    return dataclasses.replace(
        network,
        inputs=inputs,
        outputs=outputs,
        default_inputs=_but_settings(network.view, tuple(inputs.values())),
        default_outputs=tuple(
            name for key, name in outputs.items() if signature.outputs[key].dtype != STRING
        ),
    )


def _but_settings(view: GraphView, inputs: Sequence[str]) -> tuple[str, ...]:
    settings = {node.name for node in find_settings(view)}
    return tuple(name for name in inputs if names.split_tensor_name(name)[0] not in settings)


def _signature(meta_graph: Any) -> Any:
    signatures = dict(meta_graph.signature_def)
    usable = {
        key: each
        for key, each in signatures.items()
        if each.inputs and all(info.dtype != STRING for info in each.inputs.values())
    }
    if _DEFAULT in usable:
        return usable[_DEFAULT]
    return next(iter(usable.values())) if len(usable) == 1 else None
