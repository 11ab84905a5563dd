"""Networks that normalise with batch statistics and have no train op: asked for, then proved.

tests/golden/make_as_saved.py made them. The expected values are TensorFlow 1.15.5's own: it ran the
graphs as they were saved, on one sample and on three, and `modes` also built for inference.
"""

import numpy as np
import pytest

from slimfix.errors import MigrationError, UndecidedError, UnsupportedOpError, UsageError
from slimfix.migration import convert
from slimfix.migration.eager import run_eagerly
from slimfix.network.sources import Source
from slimfix.parity import Level, Verdict, diff_parity

NETS = ("modes", "moments", "pix2pix")
AS_SAVED = "the function of the graph as it was saved: batch norm with each batch's statistics"
INFERENCE = "the inference function of the training graph: batch norm with moving statistics"


def folder(name):
    return f"tests/golden/as_saved/{name}"


def source(name, batch_norm=None):
    return Source(f"{folder(name)}/model.ckpt", batch_norm=batch_norm)


def expected(name):
    with np.load(f"{folder(name)}/expected.npz") as file:
        return dict(file)


@pytest.fixture
def prove(tmp_path):
    """Migrates one of the networks and proves it at every level, on the file that is written."""

    def run(name, batch_norm):
        migration = convert(source(name, batch_norm))
        path = str(tmp_path / "model.keras")
        run_eagerly(migration.model.save, path)
        result = diff_parity(path, migration, levels=list(Level), steps=3)
        assert result.passed, (result.unequal, result.first_difference)
        return migration, result

    return run


@pytest.mark.parametrize("name", NETS)
def test_batch_is_the_graph_as_it_was_saved(name, prove):
    migration, result = prove(name, "batch")
    assert migration.proved == AS_SAVED
    assert result.verdict in (Verdict.EQUIVALENT, Verdict.EXPLAINED)
    wanted = expected(name)
    for size in (1, 3):
        found = run_eagerly(migration.model, wanted[f"images_{size}"])
        own = wanted[f"batch_{size}"]
        np.testing.assert_allclose(found, own, rtol=0, atol=3e-6 * np.abs(own).max())


def test_moving_is_the_same_network_built_for_inference(prove):
    migration, _ = prove("modes", "moving")
    assert migration.proved == INFERENCE
    wanted = expected("modes")
    for size in (1, 3):
        found = run_eagerly(migration.model, wanted[f"images_{size}"])
        own = wanted[f"moving_{size}"]
        np.testing.assert_allclose(found, own, rtol=0, atol=3e-6 * np.abs(own).max())
        assert np.abs(own - wanted[f"batch_{size}"]).max() > 1.0  # The choice is no small thing.


def test_the_choice_is_for_the_layers_in_batch_mode():
    """What is frozen, or switched off in inference, keeps its moving statistics."""
    migration = convert(source("modes", "batch"))
    kinds = {layer.scope: layer.target.partition(".")[2] for layer in migration.plan.layers}
    norms = {scope: kind for scope, kind in kinds.items() if "Normalization" in kind}
    assert norms == {
        "fused/BatchNorm": "GroupNormalization",
        "frozen": "BatchNormalization",
        "unfused/norm": "GroupNormalization",
        "switched": "BatchNormalization",
        "at_once": "GroupNormalization",
        "flat": "GroupNormalization",
    }
    fates = {fate.variable: fate for fate in migration.variables}
    assert fates["flat/gamma"].weights == ("flat/gamma",)
    assert not fates["flat/moving_mean"].migrated
    assert "flat: its moving statistics were updated but are unused" in migration.notes
    noted = [note for note in migration.notes if note.startswith("flat: normalises with each")]
    assert len(noted) == 1 and "in inference too" in noted[0]
    assert not any("as it was saved" in n or n.startswith("frozen: norm") for n in migration.notes)


def test_nothing_chosen_is_a_question_with_what_was_found():
    with pytest.raises(UndecidedError) as caught:
        convert(source("modes"))
    text = str(caught.value)
    assert text.startswith("4 batch norms of the network normalise with batch statistics")
    assert "the graph shows no train op" in text
    assert "\n  'flat': its moving statistics were updated but are unused\n" in text
    assert "'frozen'" not in text and "'switched'" not in text
    assert "batch_norm='moving' (--batch_norm=moving)" in text
    assert "batch_norm='batch' (--batch_norm=batch)" in text
    assert caught.value.flags == ("--batch_norm=moving", "--batch_norm=batch")
    for choice in ("moving", "batch"):  # The ways out.
        convert(source("modes", choice))


def test_statistics_that_nobody_moved_are_said_to_be_so():
    with pytest.raises(UndecidedError, match="never updated: there are update ops, but the stored"):
        convert(source("pix2pix"))


@pytest.mark.parametrize("choice", [None, "moving"])
def test_without_moving_statistics_only_the_batch_can_be_chosen(choice):
    with pytest.raises(MigrationError) as caught:
        convert(source("moments", choice))
    assert not isinstance(caught.value, UnsupportedOpError)
    assert "shows no moving statistics of theirs" in str(caught.value)
    assert "batch_norm='batch' (--batch_norm=batch)" in str(caught.value)


def test_a_choice_that_is_none():
    with pytest.raises(UsageError, match="batch_norm is 'fixed'; want 'moving' or 'batch'"):
        convert(source("modes", "fixed"))


@pytest.mark.parametrize("form", ["with_default", "placeholder", "variable"])
def test_batch_where_a_switch_decides(form):
    """Inference switches it off: there is nothing to keep, and nothing is silently moving."""
    prefix = f"tests/golden/forms/{form}/model.ckpt"
    with pytest.raises(UsageError) as caught:
        convert(Source(prefix, batch_norm="batch"))
    assert "no batch norm of the network is in training mode for good" in str(caught.value)
    assert "leave batch_norm (--batch_norm) out" in str(caught.value)
    convert(Source(prefix))


@pytest.mark.parametrize(
    "form, proved",
    [
        ("constant", f"{INFERENCE}, no dropout"),
        ("placeholder", "the same function as the original"),
        (
            "with_default",
            "the inference function of the training graph: 'is_training:0' = False",
        ),
        ("variable", "the inference function of the training graph: 'is_training:0' = False"),
    ],
)
def test_a_training_graph_is_not_asked_and_not_called_the_original(form, proved):
    """Its train op tells. What it gives as it was saved is another function."""
    assert convert(f"tests/golden/forms/{form}/model.ckpt").proved == proved


def test_a_training_graph_as_it_was_saved(tmp_path):
    """If somebody wants it so: but for its dropout, which two programs do not draw alike."""
    migration = convert(Source("tests/golden/forms/constant/model.ckpt", batch_norm="batch"))
    assert migration.proved == (
        "the inference function of the training graph: batch norm with each batch's statistics, "
        "no dropout"
    )
    assert run_eagerly(diff_parity, migration.model, migration).passed


def test_instance_norm_in_its_place_is_another_function():
    """Sabotage: each sample by itself, which for one sample would be the same."""
    import keras

    migration = convert(source("moments", "batch"))

    def build():
        y = x = keras.Input((8, 6, 3), name="images")
        for name in ("conv", "norm", "Relu", "out"):
            layer = migration.model.get_layer(name)
            y = type(layer).from_config(layer.get_config())(y)
        wrong = keras.Model(x, y)
        wrong.set_weights(migration.model.get_weights())
        return wrong

    result = diff_parity(run_eagerly(build), migration)
    assert not result.passed and result.weights.different == ()
    assert result.first_difference.layer == "Relu"  # What it gives has no name of the plan.
