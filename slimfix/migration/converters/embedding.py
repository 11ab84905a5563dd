"""Embeddings: rows of a variable, looked up by integers."""

from __future__ import annotations

from slimfix import names
from slimfix.graphdef.view import Node
from slimfix.migration.converters.kernel import read_kernel, regularizer
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord
from slimfix.migration.registry import converts


@converts("Gather", "GatherV2", "ResourceGather")
def embedding(planner: Planner, node: Node) -> LayerRecord | None:
    """tf.nn.embedding_lookup in one table, and slim.embed_sequence."""
    table = read_kernel(planner, node.inputs[0])
    axis = planner.constant(node.inputs[2]) if node.op == "GatherV2" else 0
    if table is None or len(table.shape) != 2 or axis is None or int(axis) != 0:
        return None
    if node.attr("batch_dims") or planner.constant(node.inputs[1]) is not None:
        return None
    config = {
        "input_dim": table.shape[0],
        "output_dim": table.shape[1],
        "embeddings_regularizer": regularizer(planner, table),
    }
    weights = (table.record(planner, "embeddings"),)
    scope = names.parent_scope(weights[0].variable) or node.name
    return planner.layer("layers.Embedding", scope, [node.inputs[1]], node, config, weights)
