"""freeze_batch_norm in Keras 3 models: what stays, what moves, and every refusal."""

import keras
import numpy as np
import pytest

from slimfix import freeze_batch_norm
from slimfix.errors import FreezeError, UsageError

RANDOM = np.random.RandomState(17)
X = RANDOM.normal(2.0, 3.0, size=(7, 6)).astype(np.float32)
Y = RANDOM.normal(0.5, 1.0, size=(7, 1)).astype(np.float32)
STATISTICS = {"moving_mean", "moving_variance"}
AFFINE = {"gamma", "beta"}


def dense(units, name):
    return keras.layers.Dense(units, name=name)


def build_model(**arguments):
    """A net with batch norm 'head' at its top and two more in the nested model 'backbone'."""
    keras.utils.set_random_seed(5)
    backbone = keras.Sequential(
        [
            keras.Input((6,)),
            dense(4, "net__fc1"),
            keras.layers.BatchNormalization(name="net__fc1__BatchNorm", **arguments),
            dense(3, "net__fc10"),
            keras.layers.BatchNormalization(name="net__fc10__BatchNorm", **arguments),
        ],
        name="backbone",
    )
    inputs = keras.Input((6,))
    net = keras.layers.BatchNormalization(name="head")(dense(5, "fc2")(backbone(inputs)))
    return keras.Model(inputs, dense(1, "logits")(net), name="net")


def compiled(model, **options):
    model.compile(keras.optimizers.AdamW(0.1), "mse", **options)
    return model


def values(model):
    return {each.path: keras.ops.convert_to_numpy(each) for each in model.weights}


def moved(model, steps=2):
    """Returns the paths of the batch-norm variables of which training changes a bit."""
    before = values(model)
    model.fit(X, Y, batch_size=len(X), epochs=steps, verbose=0)
    after = values(model)
    paths = {path for path in before if before[path].tobytes() != after[path].tobytes()}
    return {path for path in paths if path.split("/")[-1] in STATISTICS | AFFINE}


def of_layer(layer, variables):
    return {f"{layer}/{variable}" for variable in variables}


FC1, FC10 = "backbone/net__fc1__BatchNorm", "backbone/net__fc10__BatchNorm"
HEAD = "head"
ALL = {path for layer in (FC1, FC10, HEAD) for path in of_layer(layer, STATISTICS | AFFINE)}


def test_unfrozen_everything_moves():
    """The control of the tests below."""
    assert moved(compiled(build_model())) == ALL


@pytest.mark.parametrize(
    "options, stays",
    [
        ({}, ALL),
        ({"scopes": ["net/fc1"]}, of_layer(FC1, STATISTICS | AFFINE)),
        ({"scopes": "net__fc1"}, of_layer(FC1, STATISTICS | AFFINE)),
        ({"scopes": ["backbone/net/fc10/BatchNorm"]}, of_layer(FC10, STATISTICS | AFFINE)),
        ({"scopes": ["head"], "affine": False}, of_layer(HEAD, STATISTICS)),
        ({"scopes": ["net/fc10"], "statistics": False}, of_layer(FC10, AFFINE)),
        (
            {"scopes": ["backbone"], "affine": False},
            of_layer(FC1, STATISTICS) | of_layer(FC10, STATISTICS),
        ),
    ],
    ids=lambda value: str(sorted(value) if isinstance(value, set) else value),
)
def test_frozen_stay_to_the_bit_and_the_rest_moves(options, stays):
    model = build_model()
    record = freeze_batch_norm(model, **options)
    assert moved(compiled(model)) == ALL - stays
    told = {
        f"{layer.name}/{name}"
        for layer in record.layers
        for name, moves in [
            ("beta", layer.beta_moves),
            ("gamma", layer.gamma_moves),
            *((name, layer.statistics_move) for name in STATISTICS),
        ]
        if moves
    }
    assert told == ALL - stays


def test_the_record():
    record = freeze_batch_norm(build_model(scale=False), scopes=["net/fc1"], affine=False)
    table, _, note = str(record).partition("\nNote: ")
    assert table.splitlines() == [
        "batch norm                     statistics  beta  gamma  normalises in training with",
        "backbone/net__fc1__BatchNorm   stay        move  none   moving",
        "backbone/net__fc10__BatchNorm  move        move  none   batch",
        "head                           move        move  move   batch",
    ]
    assert note.replace("\n", " ") == (
        "a .keras file and clone_model keep what is trainable by layer, not by variable: there 1 "
        "batch norm of this freeze would have beta and gamma frozen too. Set their `trainable` to "
        "True, and freeze again."
    )
    assert record.frozen_scopes == ("backbone/net__fc1__BatchNorm",)


def losses_on_one_sample(model):
    """Returns what evaluate and the first fit step report on one sample."""
    evaluated = model.evaluate(X[:1], Y[:1], verbose=0)
    fitted = model.fit(X[:1], Y[:1], epochs=1, verbose=0).history["loss"][0]
    return evaluated, fitted


@pytest.mark.parametrize("affine", [True, False])
def test_fine_tuning_on_one_sample(affine):
    """Before, the step normalises with that sample alone; frozen, it agrees with evaluate."""
    model = compiled(build_model())
    model.fit(X, Y, batch_size=4, epochs=3, verbose=0)
    weights = model.get_weights()
    evaluated, fitted = losses_on_one_sample(model)
    assert abs(fitted - evaluated) > 0.1 * evaluated

    model = build_model()
    model.set_weights(weights)
    freeze_batch_norm(model, affine=affine)
    before = values(model)
    evaluated, fitted = losses_on_one_sample(compiled(model))
    np.testing.assert_allclose(fitted, evaluated, rtol=1e-6)
    after = values(model)
    assert np.any(before["fc2/kernel"] != after["fc2/kernel"])
    for layer in (FC1, FC10, HEAD):
        for path in of_layer(layer, STATISTICS):
            assert before[path].tobytes() == after[path].tobytes()


def test_training_mode_normalises_with_what_the_record_says():
    """Against the closed forms, in float64."""
    for options, expected in [({}, "moving"), ({"statistics": False}, "batch")]:
        layer = keras.layers.BatchNormalization(epsilon=0.01)
        layer.build((None, 6))
        layer.moving_mean.assign(np.linspace(-1.0, 2.0, 6))
        layer.moving_variance.assign(np.linspace(0.5, 4.0, 6))
        (state,) = freeze_batch_norm(layer, **options).layers
        assert state.normalises_with == expected
        x = X.astype(np.float64)
        mean, variance = np.linspace(-1.0, 2.0, 6), np.linspace(0.5, 4.0, 6)
        if expected == "batch":
            mean, variance = x.mean(axis=0), x.var(axis=0)
        y = keras.ops.convert_to_numpy(layer(X, training=True))
        np.testing.assert_allclose(y, (x - mean) / np.sqrt(variance + 0.01), rtol=1e-5, atol=1e-6)


def test_freezing_twice_adds_up():
    model = build_model()
    freeze_batch_norm(model, scopes=["net/fc1"], statistics=False)
    record = freeze_batch_norm(model, scopes=["net/fc1"], affine=False)
    state = record.layers[0]
    assert (state.statistics_move, state.beta_moves, state.gamma_moves) == (False, False, False)


@pytest.mark.parametrize("options", [{}, {"affine": False}, {"statistics": False}], ids=str)
def test_what_a_file_keeps(tmp_path, options):
    """As the notes of the record say."""
    model = build_model()
    record = freeze_batch_norm(model, **options)
    told = [(layer.statistics_move, layer.beta_moves) for layer in record.layers]
    assert bool(record.notes) == bool(options)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for layer in [*loaded.get_layer("backbone").layers, loaded.get_layer("head")]:
        layer.trainable = layer.trainable or bool(options)
    if options:
        record = freeze_batch_norm(loaded, **options)
    else:
        record = freeze_batch_norm(loaded, scopes=["head"])
    assert [(layer.statistics_move, layer.beta_moves) for layer in record.layers] == told


class Block(keras.layers.Layer):
    """A custom layer that keeps batch norms in a list, one of them inside a wrapper as well."""

    def __init__(self, norm, **options):
        super().__init__(**options)
        self.steps = [keras.layers.TimeDistributed(norm, name="each"), norm]

    def call(self, x, training=None):
        return self.steps[0](x, training=training)


def test_finds_layers_inside_others_and_shared_ones_once():
    norm = keras.layers.BatchNormalization(name="norm")
    block = Block(norm, name="block")
    block(np.zeros([2, 3, 6], np.float32))
    model = keras.Sequential([block])
    (state,) = freeze_batch_norm(model, scopes=["block/norm"]).layers
    assert state.name == "block/each/norm"
    assert not norm.trainable


def refusal(kind, model, **options):
    """Returns the text of the error, and checks that the model is as it was."""
    before = [(each.path, each.trainable) for each in model.weights]
    with pytest.raises(kind) as error:
        freeze_batch_norm(model, **options)
    assert [(each.path, each.trainable) for each in model.weights] == before
    return str(error.value)


def test_a_compiled_step_keeps_what_it_was_compiled_for():
    """What the refusal below is for: set by hand, the flag changes nothing."""
    model = compiled(build_model())
    moved(model)
    model.get_layer(HEAD).trainable = False
    assert of_layer(HEAD, STATISTICS | AFFINE) <= moved(model)


def test_refuses_a_model_whose_step_is_compiled():
    model = compiled(build_model())
    model.train_on_batch(X, Y)
    assert refusal(FreezeError, model) == (
        "Cannot freeze: the train step of 1 model is compiled already:\n"
        "  'net'\n"
        "Likely cause: fit or train_on_batch ran before; its compiled step would go on moving "
        "what is to be frozen.\n"
        "Fix: call compile again, with optimizer=model.optimizer to keep its state, and freeze "
        "before the next fit."
    )
    model.compile(model.optimizer, "mse")
    freeze_batch_norm(model)
    assert moved(model) == set()


def test_refuses_parts_of_a_layer_without_variables():
    model = keras.Sequential([dense(4, "fc"), keras.layers.BatchNormalization(name="norm")])
    assert refusal(FreezeError, model, affine=False) == (
        "Cannot freeze a part of 1 of 1 batch norm:\n"
        "  'norm': has no variables yet\n"
        "Likely cause: the model was not called yet.\n"
        "Fix: call the model once, or its build, before freezing."
    )
    (state,) = freeze_batch_norm(model).layers
    assert (state.statistics_move, state.beta_moves, state.gamma_moves) == (False, False, False)
    model(X)
    assert model.layers[1].trainable_variables == []


def test_refuses_a_scope_that_names_nothing():
    assert refusal(UsageError, build_model(), scopes=["net/fc", "head"]) == (
        "1 of 2 entries of scopes covers no batch norm:\n"
        "  'net/fc'; near: 'net/fc1', 'net/fc10', 'net'\n"
        "Likely cause: a name is misspelt, or is only a part of one; scopes count in whole parts.\n"
        "Fix: name a scope of the graph, or leave the entry out of scopes."
    )


def test_refuses_a_model_without_batch_norm():
    model = keras.Sequential([keras.Input((6,)), dense(4, "fc")], name="plain")
    text = refusal(UsageError, model)
    assert text.startswith("The Sequential 'plain' holds no batch norm\n")


def test_refuses_a_model_of_tf_keras():
    tf_keras = pytest.importorskip("tf_keras")
    with pytest.raises(UsageError, match=r"^Cannot freeze a tf_keras\.src.*Sequential\n"):
        freeze_batch_norm(tf_keras.Sequential())
