"""The proof of a generated source catches each way in which it can be wrong."""

import os
import re

import pytest

from slimfix import migrating
from slimfix.errors import MigrationError
from slimfix.migration.build import build_model
from slimfix.source import check_source, format_source, functions
from slimfix.source import module as module_
from tests.source.conftest import ABOUT

GOOD = "tests/golden/digits/good/model.ckpt"


@pytest.fixture
def proved(maker, tmp_path):
    """A right source, its model and its weights file."""
    x = maker.layer("layers.Conv2D", "net/conv", ["x:0"], filters=3, kernel_size=(2, 2))
    x = maker.layer("layers.BatchNormalization", "net/conv/BatchNorm", [x], momentum=0.95)
    x = maker.layer("layers.Add", "net/add", [x, x])
    plan = maker.plan(maker.layer("ops.max", "net/max", [x], axis=(1, 2)))
    model = build_model(plan, ABOUT.model_name)
    path = str(tmp_path / "model.weights.h5")
    model.save_weights(path)
    source = format_source(plan, ABOUT)
    check_source(source, model, path)
    return source, model, path


@pytest.mark.parametrize(
    ("right", "wrong", "item"),
    [
        (
            "momentum=0.95",
            "momentum=0.96",
            "BatchNorm' momentum: saved 0.95; model.py 0.96",
        ),
        ('"net__conv"', '"net__other"', "'net__conv' name: saved \"net__conv\"; model.py"),
        ("(2, 2)", "(2, 3)", "'net__conv' kernel_size: saved [2, 2]; model.py [2, 3]"),
        ("axis=(1, 2)", "axis=(1, 3)", "  'net__max' "),
        ('name="net"', 'name="web"', "inputs, outputs or name of the model"),
        ("    x = ops.max", "    y = ops.max", "layers and operations: saved 5; model.py 4"),
        ("def build_model", "def build", "KeyError: 'build_model'"),
        ("import keras\n", "import keras x\n", "SyntaxError: "),
        ("filters", "(", "SyntaxError: "),
    ],
)
def test_a_wrong_source_is_caught(proved, right, wrong, item):
    source, model, path = proved
    if right == "filters":
        source, right = source + "filters", "filters"
    assert right in source
    with pytest.raises(MigrationError, match=re.escape(item)) as caught:
        check_source(source.replace(right, wrong), model, path)
    text = str(caught.value)
    assert text.startswith("The generated model.py is not the migrated model: ")
    assert "Fix: report it with the graph" in text


def test_weights_of_another_model_are_caught(proved):
    source, model, path = proved
    model.get_layer("net__conv").bias.assign([1.0, -2.0, 3.0])
    with pytest.raises(MigrationError, match=r"'net__conv/bias': model\.weights\.h5 gives other"):
        check_source(source, model, path)


def test_a_name_that_keras_may_give_to_an_operation_is_caught(maker, monkeypatch, tmp_path):
    """Sabotage: the generator thinks that no operation needs a name. In this process none does."""
    import keras

    for module in (functions, module_):
        monkeypatch.setattr(module, "operations_need_names", lambda plan: False)
    keras.ops.abs(keras.Input((2,)))  # Keras has counted on.
    x = maker.layer("layers.ReLU", "absolute", ["x:0"])
    plan = maker.plan(maker.layer("ops.abs", "net/abs", [x]))
    model = build_model(plan, ABOUT.model_name)
    path = str(tmp_path / "model.weights.h5")
    model.save_weights(path)
    with pytest.raises(MigrationError, match="'absolute': in another process Keras may call"):
        check_source(format_source(plan, ABOUT), model, path)


def test_the_policy_of_the_program_does_not_matter(proved):
    import keras

    keras.config.set_dtype_policy("mixed_float16")
    try:
        check_source(*proved)
        assert keras.config.dtype_policy().name == "mixed_float16"
    finally:
        keras.config.set_dtype_policy("float32")


def test_a_broken_generator_leaves_no_folder(tmp_path, monkeypatch):
    """Sabotage: it forgets that a layer is not biased."""

    def broken(plan, about):
        return format_source(plan, about).replace("        use_bias=False,\n", "", 1)

    monkeypatch.setattr(migrating, "format_source", broken)
    with pytest.raises(MigrationError, match="is not the migrated model: 1 difference") as caught:
        migrating.migrate(GOOD, str(tmp_path / "out"))
    assert "  'digits__conv1' use_bias: saved false; model.py true" in str(caught.value)
    assert os.listdir(tmp_path) == []
