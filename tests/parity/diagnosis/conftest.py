"""Models with one fault each, and what the diagnosis says of them."""

import types

import numpy as np
import pytest

from slimfix.migration import convert
from slimfix.migration.eager import run_eagerly
from slimfix.parity import diff_parity, read_recording
from slimfix.parity.dataflow import read_dataflow
from slimfix.parity.diagnosis import diagnose_layer
from slimfix.parity.keras_file import load_keras_file

DIGITS = "tests/golden/digits/good/"


@pytest.fixture(scope="module")
def digits():
    """The golden network as migrated, and its recorded inputs."""
    recording = read_recording(DIGITS + "recording.npz")
    return types.SimpleNamespace(
        migration=convert(DIGITS + "model.ckpt"),
        feeds={**recording.switches, **recording.inputs},
        inputs={"images": recording.inputs["images:0"]},
    )


@pytest.fixture
def net(graph, tmp_path):
    """Saves what stands in the default graph with distinct weights, and migrates it.

    Its input is 'x:0'; the diagnosis is given random values for it.
    """
    import tensorflow.compat.v1 as tf

    def migrate(output, shadows=False, values=None):
        generator = np.random.default_rng(7)
        if not tf.global_variables():
            tf.get_variable("unread", [2])  # A Saver refuses to save nothing.
        variables = tf.global_variables()
        average = tf.train.ExponentialMovingAverage(0.5) if shadows else None
        apply = average.apply(tf.trainable_variables()) if shadows else None
        with tf.Session(graph=graph) as session:
            for variable in variables:
                value = generator.uniform(0.25, 1.75, variable.shape.as_list())
                session.run(variable.initializer, {variable.initializer.inputs[1]: value})
            if shadows:
                session.run([variable.initializer for variable in _others(tf, variables)])
                for variable in variables:
                    value = generator.uniform(0.25, 1.75, variable.shape.as_list())
                    session.run(tf.assign(variable, value))
                session.run(apply)
            prefix = tf.train.Saver().save(session, str(tmp_path / "net.ckpt"))
        migration = convert(prefix, inputs="x:0", outputs=output.name, values=values)
        x = graph.get_tensor_by_name("x:0")
        images = generator.normal(size=[3, *x.shape.as_list()[1:]]).astype(np.float32)
        turn = migration.function.permutations.get("x:0")
        return types.SimpleNamespace(
            migration=migration,
            feeds={**migration.function.switches, "x:0": images},
            inputs={"x": images if turn is None else np.transpose(images, turn)},
        )

    return migrate


def _others(tf, variables):
    return [each for each in tf.global_variables() if all(each is not v for v in variables)]


@pytest.fixture
def diagnose(tmp_path):
    """Saves a faulty model, finds the first difference in the file, and diagnoses it."""

    def run(case, model):
        path = str(tmp_path / "faulty.keras")
        run_eagerly(model.save, path)
        row = diff_parity(path, case.migration).first_difference
        loaded = run_eagerly(load_keras_file, path)
        before = run_eagerly(loaded.get_weights)
        diagnosis = diagnose_layer(
            read_dataflow(loaded), case.migration, case.feeds, case.inputs, row
        )
        after = run_eagerly(loaded.get_weights)
        assert all(map(np.array_equal, before, after)), "the model is not as it was"
        return diagnosis

    return run


@pytest.fixture
def fitting(diagnose):
    """The hypotheses that fit a faulty model; every other one must be far off."""

    def run(case, model):
        diagnosis = diagnose(case, model)
        assert all(trial.error > 1e-8 for trial in diagnosis.trials if not trial.fits)
        return [trial.hypothesis for trial in diagnosis.fitting]

    return run


@pytest.fixture
def remade():
    """Builds a model anew with some layers replaced, or called in another way.

    A weight is copied where the layer of that name has one of that name and shape.
    """

    def build(model, layers=(), calls=()):
        import keras

        layers, calls = dict(layers), dict(calls)

        def clone(layer):
            return layers.get(layer.name) or type(layer).from_config(layer.get_config())

        def call(layer, *args, **kwargs):
            made = calls.get(layer.name)
            return made(layer, *args) if made else layer(*args, **kwargs)

        def work():
            copy = keras.models.clone_model(model, clone_function=clone, call_function=call)
            _copy_weights(model, copy)
            return copy

        return run_eagerly(work)

    return build


def _copy_weights(model, copy):
    given = {(layer.name, w.name): w for layer in model.layers for w in layer.weights}
    for layer in copy.layers:
        for weight in layer.weights:
            source = given.get((layer.name, weight.name))
            if source is not None and source.shape == weight.shape:
                weight.assign(source.value)


@pytest.fixture
def changed(remade):
    """Builds a model anew with other settings of one layer."""

    def build(model, name, **config):
        layer = model.get_layer(name)
        assert set(config) <= set(layer.get_config())
        layers = {name: type(layer).from_config({**layer.get_config(), **config})}
        return remade(model, layers)

    return build


@pytest.fixture
def held():
    """The values of a layer's weights, by name."""

    def read(model, name):
        weights = model.get_layer(name).weights
        return run_eagerly(lambda: {weight.name: weight.numpy() for weight in weights})

    return read


@pytest.fixture
def refilled(remade):
    """Builds a model anew with other values of one layer's weights."""

    def build(model, name, **values):
        copy = remade(model)
        for weight, value in values.items():
            run_eagerly(getattr(copy.get_layer(name), weight).assign, value)
        return copy

    return build
