"""slimfix.graphdef.batch_norm: what is read out of graphs, and what is not taken for batch norm."""

import dataclasses
import os

import pytest

from slimfix.graphdef.batch_norm import BatchNormLayer, find_batch_norm_layers, find_unread_nodes
from slimfix.graphdef.control_flow import (
    Branch,
    enclosing_branch,
    enclosing_branches,
    find_in_branches,
)
from slimfix.graphdef.functions import inline_functions
from slimfix.graphdef.meta import read_meta
from slimfix.graphdef.view import GraphView

MICRO = os.path.join(os.path.dirname(os.path.dirname(__file__)), "golden", "micro")
ZERO_DEBIAS = ("bn/bn/moving_mean/biased", "bn/bn/moving_mean/local_step")
RENORM = ("bn/renorm_mean", "bn/renorm_stddev", "bn/moving_stddev")
# Arguments of slim.batch_norm: the kind and the extras that a layer with them has.
VARIANTS = {
    "default": ({}, "fused", ()),
    "no_center": ({"center": False}, "fused", ()),
    "scale": ({"scale": True}, "fused", ()),
    "forced": ({"updates_collections": None}, "fused", ()),
    "zero_debias": ({"zero_debias_moving_mean": True}, "fused", ZERO_DEBIAS),
    "unfused": ({"fused": False, "scale": True}, "written out", ()),
    "unfused_plain": ({"fused": False, "center": False}, "written out", ()),
    "unfused_forced": ({"fused": False, "updates_collections": None}, "written out", ()),
    "batch_weights": ({"batch_weights": [0.5, 1.25, 2.0]}, "written out", ()),
    "renorm": ({"renorm": True, "scale": True}, "written out", RENORM),
}
MODES = {"inference": False, "training": True, "switched": None}


def find(graph):
    return find_batch_norm_layers(inline_functions(graph.as_graph_def()))


def build(rank, is_training, arguments):
    """Builds one slim layer in scope 'bn', and everything a training program adds around it."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [3, 5] if rank == 2 else [3, 4, 2, 5], name="x")
    if is_training is None:
        is_training = tf.placeholder(tf.bool, [], name="is_training")
    y = slim.batch_norm(
        x, is_training=is_training, decay=0.97, epsilon=0.002, scope="bn", **arguments
    )
    weight = tf.get_variable("weight", [])
    tf.train.MomentumOptimizer(0.1, 0.9).minimize(tf.reduce_sum(y * y) * weight)
    tf.train.ExponentialMovingAverage(0.5).apply(tf.global_variables())
    tf.train.Saver()


WORLDS = ["ref", "resource", "resource and control flow version 2"]


@pytest.mark.parametrize("variable_kind", WORLDS, indirect=True)
@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize("rank", [2, 4])
@pytest.mark.parametrize("variant", list(VARIANTS))
def test_slim_layers(graph, variable_kind, variant, rank, mode):
    arguments, kind, extras = VARIANTS[variant]
    build(rank, MODES[mode], arguments)
    (layer,) = find(graph)
    left_out = ("update_ops", "normalise_ops", "input", "output", "batch_mean", "batch_variance")
    shown = dict(dataclasses.asdict(layer), **dict.fromkeys(left_out))
    assert shown == {
        "scope": "bn",
        "kind": kind,
        "mode": mode,
        "switch": "is_training:0" if mode == "switched" else None,
        "trains_when": True,
        "beta": "bn/beta" if arguments.get("center", True) else None,
        "gamma": "bn/gamma" if arguments.get("scale") else None,
        "moving_mean": "bn/moving_mean",
        "moving_variance": "bn/moving_variance",
        "extras": extras if mode != "inference" else (),
        "epsilon": 0.002,
        "decay": 0.97 if mode != "inference" else None,
        **dict.fromkeys(left_out),
        "update_collections": (),  # A GraphDef has none.
        "data_format": "NHWC" if kind == "fused" else None,
        "axis": -1,
        "shared": False,
    }
    assert len(layer.update_ops) == (0 if mode == "inference" else 2 + len(extras))
    view = inline_functions(graph.as_graph_def())
    assert all(name.startswith("bn/") for name in layer.update_ops)
    assert all("Assign" in view.nodes[name].op for name in layer.update_ops)


def test_normalise_ops_end_in_the_result(graph):
    build(4, True, {"fused": False, "scale": True})
    (layer,) = find(graph)
    assert [name.rpartition("/")[2] for name in layer.normalise_ops] == [
        "Rsqrt", "mul", "mul_2", "sub", "mul_1", "add_1"
    ]  # fmt: skip


def test_found_by_structure_not_by_names(graph, variable_kind):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 3, 2, 5], name="photo")
    scale = tf.get_variable("stretch", [5])
    offset = tf.get_variable("lift", [5])
    average = tf.get_variable("running/a", [5], trainable=False)
    spread = tf.get_variable("running/b", [5], trainable=False)
    _, mean, variance = tf.nn.fused_batch_norm(x, scale, offset, epsilon=0.01, name="norm")
    tf.assign(average, average * 0.75 + mean * 0.25, name="keep_a")
    tf.assign(spread, spread * 0.75 + variance * 0.25, name="keep_b")
    (layer,) = find(graph)
    keep = ("keep_a", "keep_b")
    assert layer == BatchNormLayer(
        scope="running",
        kind="fused",
        mode="training",
        switch=None,
        trains_when=True,
        beta="lift",
        gamma="stretch",
        moving_mean="running/a",
        moving_variance="running/b",
        extras=(),
        epsilon=0.01,
        decay=0.75,
        update_ops=keep,
        update_collections=(),
        normalise_ops=("norm",),
        input="photo:0",
        output="norm:0",
        batch_mean="norm:1",
        batch_variance="norm:2",
        data_format="NHWC",
        axis=-1,
        shared=False,
    )


@pytest.mark.parametrize("fused", [True, False])
def test_switch_may_be_the_wrong_way_round(graph, fused):
    import tensorflow.compat.v1 as tf

    evaluating = tf.placeholder(tf.bool, [], name="evaluating")
    x = tf.placeholder(tf.float32, [3, 4, 2, 5])
    mean = tf.get_variable("moving_mean", [5], trainable=False)
    variance = tf.get_variable("moving_variance", [5], trainable=False)
    if fused:
        one, zero = tf.ones([5]), tf.zeros([5])
        tf.cond(
            evaluating,
            lambda: tf.nn.fused_batch_norm(x, one, zero, mean, variance, is_training=False)[0],
            lambda: tf.nn.fused_batch_norm(x, one, zero)[0],
        )
    else:
        batch = tf.nn.moments(x, [0, 1, 2])
        used = tf.cond(evaluating, lambda: (mean.value(), variance.value()), lambda: batch)
        tf.nn.batch_normalization(x, used[0], used[1], None, None, 0.25)
    (layer,) = find(graph)
    assert (layer.mode, layer.switch, layer.trains_when) == ("switched", "evaluating:0", False)
    assert (layer.moving_mean, layer.update_ops) == ("moving_mean", ())


def test_a_layer_used_twice_is_found_twice(graph):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [3, 4, 2, 5])
    slim.batch_norm(x, is_training=True, scope="bn")
    slim.batch_norm(x, is_training=False, scope="bn", reuse=True)
    assert [(layer.scope, layer.mode) for layer in find(graph)] == [
        ("bn", "training"), ("bn", "inference")
    ]  # fmt: skip


def test_other_normalisations_are_not_batch_norm(graph):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [3, 4, 2, 5])
    slim.layer_norm(x)
    slim.instance_norm(x)
    tf.nn.l2_normalize(x, -1)
    # Newer Keras computes layer norm so: each example is a channel.
    turned = tf.reshape(x, [1, 3, 40, 1])
    tf.nn.fused_batch_norm(turned, tf.ones([3]), tf.zeros([3]), data_format="NCHW")
    assert find(graph) == []


@pytest.mark.parametrize("variable_kind", WORLDS[2:], indirect=True)
def test_functions_that_are_not_opened_are_reported(graph, variable_kind):
    build(2, None, {})
    view = GraphView.from_graph_def(graph.as_graph_def())
    hiding = {view.nodes[name].op for name in find_unread_nodes(view)}
    assert hiding and hiding <= {"If", "StatelessIf"}


def test_a_plain_graph_has_nothing_unread(graph, variable_kind):
    build(4, None, {"zero_debias_moving_mean": True})
    assert find_unread_nodes(GraphView.from_graph_def(graph.as_graph_def())) == []


@pytest.mark.parametrize("variant", sorted(os.listdir(MICRO)))
def test_golden_graphs_of_tensorflow_1(variant):
    """Graphs that TensorFlow 1.15 saved; names from the checkpoint, not from our code."""
    import tensorflow.compat.v1 as tf

    prefix = os.path.join(MICRO, variant, "model.ckpt")
    stored = {name for name, _ in tf.train.list_variables(prefix)}
    (layer,) = find_batch_norm_layers(
        GraphView.from_graph_def(read_meta(prefix + ".meta").graph_def)
    )
    scope = "net/conv/BatchNorm" if variant.startswith("rank4") else "net/fc/BatchNorm"
    found = {layer.beta, layer.gamma, layer.moving_mean, layer.moving_variance, *layer.extras}
    assert found - {None} == {name for name in stored if name.startswith(scope)}
    assert layer.scope == scope
    assert layer.mode == ("inference" if variant == "rank4_const_inference" else "switched")
    unfused = any(word in variant for word in ("unfused", "renorm", "batch_weights"))
    assert layer.kind == ("written out" if unfused else "fused")
    slower = ("rank4_scale", "rank4_unfused_scale", "rank2_scale", "rank2_zero_debias")
    if layer.mode == "switched":
        assert layer.decay == (0.97 if variant in slower else 0.9)
    assert layer.epsilon == (1.001e-5 if "epsilon" in variant else 0.001)


def test_branches(graph):
    """Inside and outside of a cond, of a cond in a cond, and of a loop."""
    import tensorflow.compat.v1 as tf

    outer, inner = tf.placeholder(tf.bool, [], "outer"), tf.placeholder(tf.bool, [], "inner")
    x = tf.constant(2.5, name="x")

    def nested():
        joined = tf.cond(inner, lambda: tf.identity(x, "deep"), lambda: tf.negative(x, "deep_too"))
        return tf.identity(joined, "shallow")

    after = tf.identity(tf.cond(outer, lambda: tf.square(x, "other"), nested), "after")
    loop = tf.while_loop(lambda i: i < 3, lambda i: tf.add(i, 1, "body"), [0])
    tf.identity(loop, "done")
    view = GraphView.from_graph_def(graph.as_graph_def())
    scopes = {name.rpartition("/")[2]: name for name in view.nodes}
    inside = [scopes[name] for name in ("deep", "deep_too", "shallow", "other", "body")]
    assert find_in_branches(view, inside) == inside
    assert find_in_branches(view, ["x", after.op.name, "done", "outer"]) == []
    read = {name: enclosing_branch(view, scopes[name] + ":0") for name in scopes}
    assert read["deep"] == Branch("inner:0", True)
    assert read["deep_too"] == Branch("inner:0", False)
    assert read["shallow"] == Branch("outer:0", False)
    assert read["other"] == Branch("outer:0", True)
    assert read["body"] == Branch(None)
    around = enclosing_branches(view, scopes["deep"] + ":0")
    assert around == [Branch("inner:0", True), Branch("outer:0", False)]
    assert enclosing_branches(view, "x:0") == []


@pytest.mark.parametrize("form", ["divided", "multiplied", "scaled"])
@pytest.mark.parametrize("trained", [True, False])
def test_the_formula_of_textbooks(graph, variable_kind, form, trained):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 5], name="photo")
    values = {
        name: tf.get_variable(f"bn/{name}", [5], trainable=name in ("beta", "gamma"))
        for name in ("beta", "gamma", "mean", "variance")
    }
    mean, variance = values["mean"], values["variance"]
    if trained:
        mean, variance = tf.nn.moments(x, [0])
        values["mean"].assign_sub((values["mean"] - mean) * 0.25, name="move_mean")
        values["variance"].assign_sub((values["variance"] - variance) * 0.25)
    if form == "divided":
        tf.divide(x - mean, tf.sqrt(variance + 0.01), name="normalised")
    elif form == "multiplied":
        tf.multiply(x - mean, tf.rsqrt(variance + 0.01), name="normalised")
    else:
        scaled = values["gamma"] * ((x - mean) / tf.sqrt(variance + 0.01))
        tf.add(scaled, values["beta"], name="normalised")
    (layer,) = find(graph)
    assert (layer.kind, layer.mode) == ("written out", "training" if trained else "inference")
    assert (layer.moving_mean, layer.moving_variance) == ("bn/mean", "bn/variance")
    assert (layer.input, layer.output) == ("photo:0", "normalised:0")
    scaled = form == "scaled"
    assert (layer.beta, layer.gamma) == (("bn/beta", "bn/gamma") if scaled else (None, None))
    assert (layer.epsilon, layer.decay) == (0.01, 0.75 if trained else None)


def test_other_quotients_are_not_batch_norm(graph, variable_kind):
    """A written-out step of RMSProp, and inputs standardised with constants or by the batch."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 5])
    weights = tf.get_variable("weights", [5])
    square = tf.get_variable("square", [5], trainable=False)
    gradient = tf.gradients(tf.reduce_sum(x * weights), weights)[0] - 0.1 * weights
    square.assign(0.9 * square + 0.1 * gradient * gradient)
    weights.assign_sub(0.5 * gradient / tf.sqrt(square + 1e-8))
    (x - tf.constant([1.0] * 5)) / tf.sqrt(tf.constant([2.0] * 5) + 1e-3)
    mean, variance = tf.nn.moments(x, [0])
    (x - mean) / tf.sqrt(variance + 1e-3)
    assert find(graph) == []
