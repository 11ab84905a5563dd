"""Graphs: `.meta` files, frozen graphs, SavedModels."""

from __future__ import annotations

from random import Random
from typing import Any, Sequence

from tests.fuzz.case import Call, Damage, Family, Net
from tests.fuzz.damage.protos import damage_proto
from tests.fuzz.damage.raw import damage_bytes
from tests.fuzz.damage.structure import damage_structure
from tests.fuzz.families import reading
from tests.fuzz.families.nets import INDEX, META, golden

_NETS = (
    "micro/rank4_scale",
    "micro/rank4_const_inference",
    "micro/rank2_zero_debias",
    "forms/placeholder",
    "forms/control_flow_v2",
    "forms/resource_variables",
    "forms/partitioned",
    "forms/queue",
    "op_nets/conv_pool_dense",
    "op_nets/resizing",
    "op_nets/slices",
    "op_nets/norms_of_groups",
)
_FROZEN = "frozen.pb"
_SAVED = "served/saved_model.pb"
_VARIABLES = "served/variables/variables"


def meta_nets() -> Sequence[Net]:
    return [golden(name) for name in _NETS]


def frozen_nets() -> Sequence[Net]:
    net = golden("forms/frozen", _FROZEN)
    return [Net(net.name, net.files, {"source": "frozen_graph", "path": _FROZEN})]


def saved_models() -> Sequence[Net]:
    paths = (_SAVED, f"{_VARIABLES}.index", f"{_VARIABLES}.data-00000-of-00001")
    net = golden("forms/saved_model", *paths)
    return [Net(net.name, net.files, {"source": "saved_model", "path": "served"})]


def damage_meta(random: Random, net: Net) -> Damage:
    import tensorflow.compat.v1 as tf

    return _damage(random, net, META, tf.MetaGraphDef)


def damage_training_meta(random: Random, net: Net) -> Damage:
    """Damages a graph of which gradients are taken: TensorFlow needs minutes for long chains."""
    import tensorflow.compat.v1 as tf

    return _damage(random, net, META, tf.MetaGraphDef, longest=400)


def damage_frozen(random: Random, net: Net) -> Damage:
    import tensorflow.compat.v1 as tf

    return _damage(random, net, _FROZEN, tf.GraphDef)


def damage_saved_model(random: Random, net: Net) -> Damage:
    from tensorflow.core.protobuf import saved_model_pb2

    if random.random() < 0.2:
        path = random.choice(sorted(set(net.files) - {_SAVED}))
        if random.random() < 0.2:
            files = {name: content for name, content in net.files.items() if name != path}
            return Damage(files, f"{path} is gone", True)
        changed, told = damage_bytes(random, net.files[path])
        return Damage({**net.files, path: changed}, f"{path}: {told}", True)
    return _damage(random, net, _SAVED, saved_model_pb2.SavedModel)


def _damage(random: Random, net: Net, path: str, kind: Any, longest: int = 2000) -> Damage:
    """Damages a graph: its bytes, fields or structure, or by another file in its place."""
    way = random.choice(["bytes"] * 4 + ["fields"] * 14 + ["structure"] * 3 + ["swapped"])
    if way == "bytes":
        content, told = damage_bytes(random, net.files[path])
    elif way in ("fields", "structure"):
        message = kind.FromString(net.files[path])
        if way == "fields":
            told = damage_proto(random, message)
        else:
            told = damage_structure(random, _graph_of(message), longest)
        content = message.SerializeToString()
    else:
        others = {
            "a frozen graph": golden("forms/frozen", _FROZEN).files[_FROZEN],
            "a saved_model.pb": golden("forms/saved_model", _SAVED).files[_SAVED],
            "an .index": golden("micro/rank4_default").files[INDEX],
            "another .meta": golden("micro/rank2_scale").files[META],
        }
        told = random.choice(sorted(others))
        content = others[told]
    inside = _names_in(content, kind)
    return Damage({**net.files, path: content}, f"{path}: {told}", False, inside=inside)


def _graph_of(message: Any) -> Any:
    """Returns the GraphDef of a MetaGraphDef, of a SavedModel, or of itself."""
    holder = message.meta_graphs[0] if hasattr(message, "meta_graphs") else message
    return getattr(holder, "graph_def", holder)


def _names_in(content: bytes, kind: Any) -> frozenset[str]:
    """Returns the names of nodes and functions, and the scopes of nodes, that a file holds."""
    from google.protobuf.message import DecodeError

    try:
        message = kind.FromString(content)
    except DecodeError:
        return frozenset()
    if hasattr(message, "meta_graphs") and not message.meta_graphs:
        return frozenset()
    graph = _graph_of(message)
    nodes = [*graph.node, *(node for each in graph.library.function for node in each.node_def)]
    parts = [node.name.split("/") for node in nodes]
    scopes = {"/".join(each[:end]) for each in parts for end in range(1, len(each) + 1)}
    return frozenset(scopes | {each.signature.name for each in graph.library.function})


_META_CALLS = (
    Call("find layers", reading.find_layers, 8),
    Call("verify_checkpoint", reading.verify_checkpoint, 3),
    *reading.NETWORK_CALLS,
)

FAMILIES = [
    Family("meta", 24, meta_nets, damage_meta, _META_CALLS),
    Family(
        "meta that trains",
        4,
        lambda: [golden("micro/rank4_scale"), golden("forms/placeholder")],
        damage_training_meta,
        (Call("recalibrate", reading.recalibrate), Call("record all", reading.record_training)),
    ),
    Family("frozen graph", 7, frozen_nets, damage_frozen, reading.NETWORK_CALLS),
    Family("SavedModel", 7, saved_models, damage_saved_model, reading.NETWORK_CALLS),
]
