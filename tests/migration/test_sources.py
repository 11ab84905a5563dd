"""One network, read from each thing that people have: all give the same model."""

import functools
import json
import sys

import numpy as np
import pytest

from slimfix.errors import CheckpointError, MigrationError, UsageError
from slimfix.migration import convert
from slimfix.migration.eager import run_eagerly
from slimfix.network.sources import Source

NETWORK = """
import tensorflow.compat.v1 as tf
import tf_slim as slim


def build(images, width, is_training=True):
    with slim.arg_scope([slim.batch_norm], is_training=is_training, scale=True):
        net = slim.conv2d(images, width, [3, 2], normalizer_fn=slim.batch_norm, scope="conv")
        net = slim.dropout(net, 0.75, is_training=is_training)
        logits = slim.fully_connected(slim.flatten(net), 3, activation_fn=None, scope="fc")
    return logits, {"conv": net, "probabilities": tf.nn.softmax(logits, name="probabilities")}


def build_whole():
    return build(tf.placeholder(tf.float32, [None, 5, 4, 2], name="images"), 6, False)[0]


def build_nothing():
    return "nothing"
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of the user's in the current folder."""
    (tmp_path / "zoo_of_users.py").write_text(NETWORK)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "zoo_of_users"
    sys.modules.pop("zoo_of_users", None)


@pytest.fixture
def network(package, graph, saved):
    """The network in inference mode: its checkpoint prefix, with its .meta beside it."""
    import importlib

    import slimfix

    slimfix.enable_slim()
    importlib.import_module(package).build_whole()
    return saved()


@pytest.fixture
def batch():
    return np.random.default_rng(5).normal(size=(4, 5, 4, 2)).astype(np.float32)


def frozen(prefix, path):
    """Writes the graph with its weights in it, as freeze_graph does."""
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default() as graph, tf.Session() as session:
        tf.train.import_meta_graph(prefix + ".meta").restore(session, prefix)
        made = tf.graph_util.convert_variables_to_constants(
            session, graph.as_graph_def(), ["fc/BiasAdd"]
        )
    path.write_bytes(made.SerializeToString())
    return str(path)


def served(prefix, folder):
    """Writes a SavedModel of TensorFlow 1 with a signature."""
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default() as graph, tf.Session() as session:
        tf.train.import_meta_graph(prefix + ".meta").restore(session, prefix)
        tf.saved_model.simple_save(
            session,
            str(folder),
            {"pictures": graph.get_tensor_by_name("images:0")},
            {"scores": graph.get_tensor_by_name("fc/BiasAdd:0")},
        )
    return str(folder)


def test_every_source_gives_the_same_model(network, package, batch, tmp_path):
    kwargs = {"width": 6}
    sources = {
        "meta": Source(network),
        "function": Source(
            network, network=f"{package}:build", network_kwargs=kwargs, input_shape=(5, 4, 2)
        ),
        "whole function": Source(network, network=f"{package}:build_whole"),
        "frozen": Source(frozen_graph=frozen(network, tmp_path / "frozen.pb")),
        "served": Source(saved_model=served(network, tmp_path / "served")),
    }
    found = {}
    for name, source in sources.items():
        migration = convert(source, outputs="fc/BiasAdd")
        assert {w.path: w.shape for w in migration.model.weights} == {
            "conv/kernel": (3, 2, 2, 6),
            "conv__BatchNorm/gamma": (6,),
            "conv__BatchNorm/beta": (6,),
            "conv__BatchNorm/moving_mean": (6,),
            "conv__BatchNorm/moving_variance": (6,),
            "fc/kernel": (120, 3),
            "fc/bias": (3,),
        }
        found[name] = run_eagerly(migration.model, batch).numpy()
    for name, value in found.items():
        np.testing.assert_array_equal(value, found["meta"], err_msg=name)


def test_a_frozen_graph_accounts_for_its_constants(network, tmp_path):
    migration = convert(Source(frozen_graph=frozen(network, tmp_path / "frozen.pb")))
    assert all(fate.migrated for fate in migration.variables)
    assert [fate.variable for fate in migration.variables] == [
        "conv/BatchNorm/beta",
        "conv/BatchNorm/gamma",
        "conv/BatchNorm/moving_mean",
        "conv/BatchNorm/moving_variance",
        "conv/weights",
        "fc/biases",
        "fc/weights",
    ]


def test_a_signature_names_inputs_and_outputs(network, tmp_path):
    folder = served(network, tmp_path / "served")
    migration = convert(Source(saved_model=folder), inputs="pictures", outputs="scores")
    assert migration.signature.inputs == ("images:0",)
    assert migration.signature.outputs == ("fc/BiasAdd:0",)
    assert migration.meta == folder


def test_a_function_names_its_end_points(network, package):
    source = Source(
        network, network=f"{package}:build", network_kwargs={"width": 6}, input_shape=(5, 4, 2)
    )
    migration = convert(source, outputs=["probabilities", "conv"])
    assert migration.signature.outputs == ("probabilities:0", "Dropout/Identity:0")


def test_a_function_can_be_an_object(network, package):
    import importlib

    build = importlib.import_module(package).build_whole
    assert convert(Source(network, network=build)).meta == "zoo_of_users:build_whole"
    partial = functools.partial(importlib.import_module(package).build, width=6)
    found = convert(Source(network, network=partial, input_shape=(5, 4, 2)))
    assert found.meta == "zoo_of_users:build"


def test_a_function_without_variables_is_told(network):
    def twice(images):
        return images * 2.0

    with pytest.raises(MigrationError, match="No input found"):
        convert(Source(network, network=twice, input_shape=(5, 4, 2)))


def test_an_output_that_is_an_input_is_told(network):
    def once(images):
        return images * 1.0

    source = Source(network, network=once, input_shape=(5, 4, 2))
    with pytest.raises(UsageError, match="or an input as it is"):
        convert(source, inputs="inputs:0")


def test_an_input_that_is_a_switch_is_told(graph, saved):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 6], name="x")
    mask = tf.placeholder(tf.bool, [None, 1], name="mask")
    is_training = tf.placeholder(tf.bool, [], name="is_training")
    y = slim.fully_connected(x * tf.cast(mask, tf.float32), 3)
    y = slim.batch_norm(y, is_training=is_training, scope="bn")
    prefix = saved()
    with pytest.raises(UsageError, match="1 input would be a switch") as caught:
        convert(prefix, inputs=["x", "mask", "is_training"], outputs=y.name)
    assert "'is_training:0'" in str(caught.value)
    assert len(convert(prefix, inputs=["x", "mask"], outputs=y.name).plan.inputs) == 2


def test_a_saver_in_shards_beside_the_network(graph, saved):
    """It chooses the name of its files by a Select among two texts, which is no dropout."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    y = slim.fully_connected(tf.placeholder(tf.float32, [None, 6], name="x"), 3)
    tf.train.Saver(sharded=True)
    assert convert(saved(), outputs=y.name).signature.inputs == ("x:0",)


def test_a_function_of_tensorflow_2_before_a_batch_norm(graph, saved):
    """In training mode for good, behind an opened call."""
    import tensorflow as tf2
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 6, 5, 3], name="x")
    y = tf2.function(lambda value: value * 2.0)(slim.conv2d(x, 5, 3, scope="conv"))
    y = slim.batch_norm(y, is_training=True, scope="bn")
    migration = convert(Source(saved(), batch_norm="moving"), outputs=y.name)
    kinds = [record.target for record in migration.plan.layers]
    assert kinds[-1] == "layers.BatchNormalization"


BAD = {
    "nothing": ({}, "Nothing given to read a network from"),
    "two": ({"frozen_graph": "a.pb", "saved_model": "b"}, "frozen_graph and saved_model given"),
    "both graphs": ({"meta": "a.meta", "network": "m:f"}, "meta and network are two graphs"),
    "meta of frozen": ({"frozen_graph": "a.pb", "meta": "a.meta"}, "frozen_graph holds its graph"),
    "kwargs alone": ({"network_kwargs": {"a": 1}}, "are for network, which was not given"),
    "no colon": ({"network": "zoo_of_users.build"}, "want 'package.module:function'"),
    "no module": ({"network": "nowhere_at_all:f"}, "Cannot import module 'nowhere_at_all'"),
    "no function": ({"network": "zoo_of_users:bild"}, "no function 'bild'; near: 'build'"),
    "no width": (
        {"network": "zoo_of_users:build", "input_shape": (5, 4, 2)},
        "missing a required argument: 'width'",
    ),
    "another argument": (
        {"network": "zoo_of_users:build_whole", "network_kwargs": {"depth": 2}},
        "got an unexpected keyword argument 'depth'",
    ),
    "no tensor": ({"network": "zoo_of_users:build_nothing"}, "returns no tensor"),
    "it fails": (
        {
            "network": "zoo_of_users:build",
            "network_kwargs": {"width": "six"},
            "input_shape": (5, 4, 2),
        },
        "zoo_of_users:build fails",
    ),
    "no frozen graph": ({"frozen_graph": "nowhere.pb"}, "No frozen graph at 'nowhere.pb'"),
    "no served model": ({"saved_model": "nowhere"}, "No SavedModel in folder 'nowhere'"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_source_is_told(name, network, package):
    arguments, message = BAD[name]
    alone = not arguments or "frozen_graph" in arguments or "saved_model" in arguments
    with pytest.raises(UsageError) as caught:
        convert(Source(None if alone else network, **arguments))
    assert message in str(caught.value)


def test_other_files_are_no_frozen_graph(network, tmp_path):
    text = tmp_path / "graph.pb"
    text.write_text("node { name: 'x' }")
    for path in (str(text), network + ".meta", network + ".index"):
        with pytest.raises(CheckpointError, match="is not a GraphDef with nodes in it"):
            convert(Source(frozen_graph=path))


def test_a_graph_that_was_not_frozen_is_told(graph, network, tmp_path):
    path = tmp_path / "graph.pb"
    path.write_bytes(graph.as_graph_def().SerializeToString())
    with pytest.raises(CheckpointError) as caught:
        convert(Source(frozen_graph=str(path)))
    assert "have no value there" in str(caught.value)
    assert "'conv/weights'" in str(caught.value)


def test_a_saved_model_of_tensorflow_2_is_told(tmp_path):
    import tensorflow as tf

    def save():
        module = tf.Module()
        module.weight = tf.Variable([1.5, 2.5])
        module.call = tf.function(lambda x: x * module.weight, [tf.TensorSpec([2])])
        tf.saved_model.save(module, str(tmp_path / "new"))

    run_eagerly(save)
    with pytest.raises(CheckpointError, match="is a SavedModel of TensorFlow 2"):
        convert(Source(saved_model=str(tmp_path / "new")))


def test_the_command_takes_a_network_function(network, package, tmp_path, capfd):
    from slimfix.commands.main import main

    output = tmp_path / "out"
    arguments = ["migrate", f"--checkpoint={network}", f"--network={package}:build"]
    arguments += ["--network_kwargs=" + json.dumps({"width": 6}), "--input_shape=5,4,2"]
    assert main([*arguments, f"--output_dir={output}"]) == 0
    assert (output / "model.keras").exists()
    assert main([*arguments[:2], "--network_kwargs=[1]", f"--output_dir={output}2"]) == 2
    assert "--network_kwargs is no JSON object: [1]" in capfd.readouterr().err
    assert main([*arguments[:2], "--input_shape=5,x", f"--output_dir={output}2"]) == 2
    assert "--input_shape has 'x'" in capfd.readouterr().err
