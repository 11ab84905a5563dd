"""Fixtures that several test files share. TensorFlow is imported only by those that need it."""

import os
import types

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture
def graph():
    """A fresh default graph with version 1 control flow, as TensorFlow 1 programs have it."""
    import tensorflow.compat.v1 as tf

    was_version_2 = tf.control_flow_v2_enabled()
    tf.disable_control_flow_v2()
    try:
        with tf.Graph().as_default() as fresh:
            yield fresh
    finally:
        (tf.enable_control_flow_v2 if was_version_2 else tf.disable_control_flow_v2)()


@pytest.fixture(params=["ref", "resource"])
def variable_kind(request):
    """Runs the test with ref variables (VariableV2) and with resource variables (VarHandleOp).

    A test may ask for "resource and control flow version 2" as well.
    """
    import tensorflow.compat.v1 as tf

    were_resource = tf.resource_variables_enabled()
    switches = {True: tf.enable_resource_variables, False: tf.disable_resource_variables}
    switches[request.param != "ref"]()
    if request.param.endswith("control flow version 2"):
        tf.enable_control_flow_v2()  # The fixture `graph` puts it back.
    try:
        yield request.param
    finally:
        switches[were_resource]()


@pytest.fixture
def golden():
    """Paths below tests/golden/ by name: 'micro/rank4_scale' or 'digits/good'."""

    def find(name):
        folder = f"tests/golden/{name}"
        return types.SimpleNamespace(
            checkpoint=folder + "/model.ckpt",
            meta=f"{folder}/model.ckpt.meta",
            recording=f"{folder}/recording.npz",
        )

    return find


@pytest.fixture
def saved(graph, tmp_path):
    """Saves the default graph with distinct weights; gives the checkpoint prefix."""
    import tensorflow.compat.v1 as tf

    def save():
        if not tf.global_variables():
            tf.get_variable("unread", [2])  # A Saver refuses to save nothing.
        generator = np.random.default_rng(7)
        with tf.Session(graph=graph) as session:
            for variable in tf.global_variables():
                shape = variable.shape.as_list()
                value = generator.uniform(0.25, 1.75, shape) * generator.choice([-1, 1], shape)
                if "variance" in variable.op.name:
                    value = np.abs(value)
                session.run(variable.initializer, {variable.initializer.inputs[1]: value})
            return tf.train.Saver().save(session, str(tmp_path / "model.ckpt"))

    return save


@pytest.fixture
def session(graph):
    """A session of the fresh graph."""
    import tensorflow.compat.v1 as tf

    with tf.Session(graph=graph) as opened:
        yield opened
