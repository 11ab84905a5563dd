"""Calls that several families share: slimfix's ways to read a network from its files."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from tests.fuzz.case import Call, Net
from tests.fuzz.families.nets import META, PREFIX


def plain(values: Any) -> dict[str, Any]:
    """Returns arrays by name as dtype, shape and bytes, which compare."""
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> tuple[Any, ...]:
    array = np.asarray(value)
    content = array.tolist() if array.dtype.hasobject else array.tobytes()
    return array.dtype.str, array.shape, content


def read_variables(folder: str, net: Net) -> Any:
    """Returns every variable of a checkpoint."""
    from slimfix.checkpoint import read_checkpoint

    checkpoint = read_checkpoint(os.path.join(folder, PREFIX))
    return plain({name: checkpoint.read(name) for name in checkpoint.variables})


def find_layers(folder: str, net: Net) -> None:
    """Finds the batch norms of a `.meta`, and the roles of its variables."""
    from slimfix.graph.layers import view_graph
    from slimfix.graphdef.batch_norm import find_batch_norm_layers
    from slimfix.graphdef.meta import read_meta
    from slimfix.graphdef.roles import find_roles
    from slimfix.graphdef.stored import list_meta_graph_variables

    meta_graph = read_meta(os.path.join(folder, META))
    view = view_graph(meta_graph)
    for layer in find_batch_norm_layers(view):
        str(layer)
    find_roles(view, list_meta_graph_variables(meta_graph, view))


def source_of(folder: str, net: Net) -> dict[str, Any]:
    """Returns where a network is, as arguments."""
    kind = net.arguments.get("source", "checkpoint")
    return {kind: os.path.join(folder, net.arguments.get("path", PREFIX))}


def ends_of(net: Net) -> dict[str, Any]:
    """Returns the inputs and outputs to name of a network that leaves a choice."""
    return net.arguments.get("ends", {})


def read_the_network(folder: str, net: Net) -> None:
    """Reads what lies between the inputs and the outputs of a network."""
    from slimfix.network.reading import read_network
    from slimfix.network.sources import Source

    read_network(Source(**source_of(folder, net)).open(), **ends_of(net))


def plan(folder: str, net: Net) -> None:
    """Plans the Keras model of a network."""
    from slimfix.migration import plan_migration
    from slimfix.network.checked import check_network
    from slimfix.network.sources import Source

    plan_migration(check_network(Source(**source_of(folder, net)), **ends_of(net)))


def migrate(folder: str, net: Net) -> None:
    """Migrates a network."""
    import slimfix

    where = {**source_of(folder, net), **ends_of(net)}
    slimfix.migrate(output_dir=os.path.join(folder, "out"), **where)


def record(folder: str, net: Net) -> None:
    """Records a network in inference."""
    import slimfix

    output = os.path.join(folder, "out.npz")
    where = {**source_of(folder, net), **ends_of(net)}
    slimfix.record(output=output, levels=["L1"], progress=False, **where)


def record_training(folder: str, net: Net) -> None:
    """Records a network at all levels, steps of an optimizer among them."""
    import slimfix

    output = os.path.join(folder, "out.npz")
    levels = ["L1", "L2", "L3", "L4"]
    slimfix.record(output=output, levels=levels, steps=3, progress=False, **source_of(folder, net))


def recalibrate(folder: str, net: Net) -> None:
    """Recalibrates a checkpoint."""
    import slimfix

    prefix = os.path.join(folder, PREFIX)
    output = os.path.join(folder, "repaired.ckpt")
    slimfix.recalibrate_checkpoint(prefix, output, net.arguments["data"], progress=False)


def verify_checkpoint(folder: str, net: Net) -> None:
    """Proves that a checkpoint holds what its graph needs."""
    import slimfix

    slimfix.verify_checkpoint(os.path.join(folder, PREFIX), os.path.join(folder, META))


def restore(folder: str, net: Net) -> Any:
    """Restores a checkpoint into the graph of its undamaged `.meta`."""
    import tensorflow.compat.v1 as tf

    import slimfix
    from tests.fuzz.case import WrongValue

    meta_graph = tf.MetaGraphDef.FromString(net.files[META])
    for node in meta_graph.graph_def.node:
        node.attr.pop("_output_shapes", None)  # Of gradients, TensorFlow 2 computes others.
    with tf.Graph().as_default(), tf.Session() as session:
        tf.train.import_meta_graph(meta_graph)
        session.run(tf.global_variables_initializer())
        variables = tf.global_variables()
        before = plain(dict(zip((v.name for v in variables), session.run(variables))))
        try:
            slimfix.restore(session, os.path.join(folder, PREFIX))
        except slimfix.SlimfixError:
            now = plain(dict(zip((v.name for v in variables), session.run(variables))))
            if before != now:
                raise WrongValue("restore failed and changed variables") from None
            raise
        return plain(dict(zip((v.name for v in variables), session.run(variables))))


NETWORK_CALLS = (
    Call("read_network", read_the_network, 5),
    Call("plan", plan, 6),
    Call("record", record, 2),
    Call("migrate", migrate, 1),
)
