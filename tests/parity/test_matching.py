"""Which weight holds which variable: by name, else by bits; and what level L0 says of each."""

import numpy as np
import pytest

from slimfix.migration.records import LayerRecord, ModelPlan, WeightRecord
from slimfix.parity.dataflow import read_dataflow
from slimfix.parity.matching import match_weights
from slimfix.parity.weights import compare_weights

W = np.array([[0.5, -1.25], [2.0, 0.75], [-3.5, 1.5]], np.float32)
B = np.array([0.625, -0.375], np.float32)
VALUES = {"net/w": W, "net/b": B}


def dense(name="fc", variables=("net/w", "net/b"), source="x:0", output="y:0", permutation=()):
    """The record of a dense layer with these variables, which may hold its kernel transposed."""
    weights = (
        WeightRecord("kernel", variables[0], (3, 2), permutation),
        WeightRecord("bias", variables[1], (2,)),
    )
    config = {"units": 2}
    return LayerRecord(name, name, "layers.Dense", config, (source,), (output,), weights)


def plan(*layers):
    return ModelPlan((), layers, ("y:0",))


@pytest.fixture
def made():
    """Builds a model of one dense layer with a kernel and, if there is one, a bias."""
    import keras

    def make(name="fc", kernel=W, bias=B):
        x = keras.Input([kernel.shape[0]], name="x")
        layer = keras.layers.Dense(kernel.shape[1], use_bias=bias is not None, name=name)
        model = keras.Model(x, layer(x))
        layer.set_weights([kernel] if bias is None else [kernel, bias])
        return model

    return make


def paths(matches):
    return {held.record.variable: (held.path, held.index) for held in matches.held}


def lines(matches, values=None, origins=None):
    return compare_weights(matches, (values or VALUES).__getitem__, origins or {})


def test_a_planned_name_is_taken_whatever_the_value(made):
    matches = match_weights(read_dataflow(made(kernel=W + 1)), plan(dense()), VALUES.__getitem__)
    assert paths(matches) == {"net/w": ("fc/kernel", 0), "net/b": ("fc/bias", 1)}
    assert (matches.lacking, matches.unsourced) == ((), ())
    found = lines(matches, origins={"fc/kernel": "is 'net/v'"})
    assert found.compared == 2
    assert found.different == (
        "'net/w' [3, 2] float32; Keras 'fc/kernel' [3, 2] float32; it is 'net/v'",
    )


def test_another_name_is_found_by_its_bits(made):
    matches = match_weights(read_dataflow(made("mine")), plan(dense()), VALUES.__getitem__)
    assert [(h.layer, h.index, h.record.variable) for h in matches.held] == [
        ("mine", 0, "net/w"),
        ("mine", 1, "net/b"),
    ]
    assert lines(matches) == lines(
        match_weights(read_dataflow(made()), plan(dense()), VALUES.__getitem__)
    )
    assert lines(matches).different == ()


def test_bits_are_those_of_the_variable_as_it_is_laid_out(made):
    record = dense(permutation=(1, 0))
    values = {"net/w": W.T.copy(), "net/b": B}
    for name in ("fc", "mine"):
        matches = match_weights(read_dataflow(made(name)), plan(record), values.__getitem__)
        assert lines(matches, values).different == ()
    wrong = lines(match_weights(read_dataflow(made()), plan(dense()), values.__getitem__), values)
    assert len(wrong.different) == 1  # The layout of the plan is heeded.


def test_one_bit_off_is_no_match(made):
    kernel = W.copy()
    kernel[2, 1] = np.nextafter(kernel[2, 1], np.float32(9))
    matches = match_weights(read_dataflow(made("mine", kernel)), plan(dense()), VALUES.__getitem__)
    assert paths(matches) == {"net/b": ("mine/bias", 1)}
    assert [(layer, record.variable) for layer, record in matches.lacking] == [("fc", "net/w")]
    assert matches.unsourced == ("mine/kernel",)
    assert lines(matches).different == (
        "'net/w' [3, 2] float32: no weight of the model holds it; planned for Keras 'fc/kernel'",
        "Keras 'mine/kernel' has no variable",
    )


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_minus_zero_is_another_value(made, zero):
    values = {"net/w": W, "net/b": np.array([0.0, 1.0], np.float32)}
    model = made("mine", bias=np.array([zero, 1.0], np.float32))
    matches = match_weights(read_dataflow(model), plan(dense()), values.__getitem__)
    assert ("net/b" in paths(matches)) == (str(zero) == "0.0")


def test_a_weight_that_the_model_lacks(made):
    matches = match_weights(read_dataflow(made(bias=None)), plan(dense()), VALUES.__getitem__)
    assert lines(matches).different == (
        "'net/b' [2] float32: no weight of the model holds it; planned for Keras 'fc/bias'",
    )
    assert matches.unsourced == ()


def test_a_weight_that_nobody_planned(made):
    record = dense()
    without = LayerRecord(**{**record.__dict__, "weights": record.weights[:1]})
    matches = match_weights(read_dataflow(made()), plan(without), VALUES.__getitem__)
    assert lines(matches).different == ("Keras 'fc/bias' has no variable",)
    assert lines(matches).compared == 1


def test_a_weight_of_two_calls_is_there_once(made):
    shared = (dense(), dense(source="y:0", output="z:0"))
    for name in ("fc", "mine"):
        matches = match_weights(read_dataflow(made(name)), plan(*shared), VALUES.__getitem__)
        assert lines(matches).compared == 2
        assert (matches.lacking, matches.unsourced) == ((), ())
    matches = match_weights(read_dataflow(made(bias=None)), plan(*shared), VALUES.__getitem__)
    assert len(matches.lacking) == 1


def test_a_variable_in_two_weights_is_looked_for_twice(made):
    """Tied weights come apart in Keras: one bias, two layers, and the second lacks it."""
    import keras

    x = keras.Input([3])
    layers = [keras.layers.Dense(2, name=name) for name in ("mine", "yours")]
    model = keras.Model(x, [layer(x) for layer in layers])
    for layer in layers:
        layer.set_weights([W, B])
    twice = plan(dense(), dense("second", output="z:0"))
    matches = match_weights(read_dataflow(model), twice, VALUES.__getitem__)
    assert sorted((held.record.variable, held.layer) for held in matches.held) == [
        ("net/b", "mine"),
        ("net/b", "yours"),
        ("net/w", "mine"),
        ("net/w", "yours"),
    ]
    layers[1].set_weights([W, B + 1])
    matches = match_weights(read_dataflow(model), twice, VALUES.__getitem__)
    assert lines(matches).different == (
        "'net/b' [2] float32: no weight of the model holds it; planned for Keras 'second/bias'",
        "Keras 'yours/bias' has no variable",
    )


def test_the_digits_network_by_name(good, set_up):
    matches = set_up(good).matches
    assert (matches.lacking, matches.unsourced) == ((), ())
    planned = {w.variable: f"{r.name}/{w.name}" for r in good.plan.layers for w in r.weights}
    assert {held.record.variable: held.path for held in matches.held} == planned
    assert len(planned) == 19
    for held in matches.held:
        np.testing.assert_array_equal(held.weight.numpy(), good.read(held.record.variable))


def test_the_digits_network_with_names_of_its_own(good, set_up, renamed):
    model, names = renamed(good.model)
    matches = set_up(good, model).matches
    assert (matches.lacking, matches.unsourced) == ((), ())
    planned = {w.variable: (names[r.name], w.name) for r in good.plan.layers for w in r.weights}
    assert {h.record.variable: (h.layer, h.record.name) for h in matches.held} == planned
    assert all(held.layer.startswith("other_") for held in matches.held)
    for held in matches.held:
        assert model.get_layer(held.layer).weights[held.index] is held.weight
