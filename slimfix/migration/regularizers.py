"""Finds the L2 penalties that slim put on weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from slimfix.graphdef.view import GraphView

_REGULARIZATION_LOSSES = "regularization_losses"


def find_l2_factors(meta_graph: Any, view: GraphView) -> dict[str, float]:
    """Returns slim's L2 factor s by variable name, for penalties s * sum(w^2) / 2.

    Only penalties in the REGULARIZATION_LOSSES collection count: that is where slim puts them
    and where a loss finds them.

    Args:
      meta_graph: MetaGraphDef, for the collection.
      view: of its graph.
    Source: tf-slim:tf_slim/layers/regularizers.py, `l2_regularizer`.
    """
    factors: dict[str, float] = {}
    for tensor in meta_graph.collection_def[_REGULARIZATION_LOSSES].node_list.value:
        nodes = [
            view.nodes[name] for name in view.ancestors([tensor.partition(":")[0]], control=False)
        ]
        variables = [n.name for n in nodes if n.op in ("VariableV2", "Variable", "VarHandleOp")]
        constants = [n.attr("value") for n in nodes if n.op == "Const"]
        is_l2 = any(node.op == "L2Loss" for node in nodes)
        if is_l2 and len(variables) == 1 and len(constants) == 1:
            factors[variables[0]] = _shortest(constants[0])
    return factors


def _shortest(value: np.ndarray) -> float:
    """The shortest decimal that is this float32: 0.0001, not 9.999999747378752e-05."""
    return float(np.format_float_positional(np.float32(value)))
