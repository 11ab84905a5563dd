"""The golden digits network, networks made on the spot, and models that differ in one thing."""

import json

import numpy as np
import pytest

from slimfix.migration import convert
from slimfix.migration.eager import run_eagerly
from slimfix.parity.dataflow import read_dataflow
from slimfix.parity.matching import match_weights
from slimfix.parity.setup import Setup


@pytest.fixture(scope="session")
def good():
    """The golden digits network, migrated. Nobody changes its model."""
    return convert("tests/golden/digits/good/model.ckpt")


@pytest.fixture(scope="session")
def micro():
    """Gives a micro network, migrated, and what TensorFlow 1.15.5 recorded of it in training."""
    found = {}

    def get(variant, exact=False):
        if (variant, exact) not in found:
            folder = f"tests/golden/micro/{variant}"
            migration = convert(f"{folder}/model.ckpt", exact_batch_norm=exact)
            with np.load(f"{folder}/training.npz") as file:
                found[variant, exact] = migration, {key: file[key] for key in file.files}
        return found[variant, exact]

    return get


@pytest.fixture
def set_up():
    """Puts a model, or the migrated one, beside the network that it is to be."""

    def make(migration, model=None):
        def work():
            made = read_dataflow(model or migration.model)
            return Setup(made, migration, match_weights(made, migration.plan, migration.read))

        return run_eagerly(work)

    return make


@pytest.fixture
def rebuilt():
    """Makes the same model with other settings of one layer, and the same weights."""

    def make(model, layer, **config):
        def work():
            import keras

            description = json.loads(model.to_json())
            layers = description["config"]["layers"]
            (found,) = [item for item in layers if item["name"] == layer]
            found["config"].update(config)
            changed = keras.models.model_from_json(json.dumps(description))
            changed.set_weights(model.get_weights())
            return changed

        return run_eagerly(work)

    return make


@pytest.fixture
def renamed():
    """Makes the same model with layers that are called 'other_0', 'other_1', ..., or as `called`
    says, and the same weights; gives it with the new names by the old ones."""

    def make(model, called=None):
        def work():
            import keras

            names = {}

            def clone(layer):
                names[layer.name] = (called or {}).get(layer.name, f"other_{len(names)}")
                return type(layer).from_config({**layer.get_config(), "name": names[layer.name]})

            copy = keras.models.clone_model(model, clone_function=clone)
            copy.set_weights(model.get_weights())
            return copy, names

        return run_eagerly(work)

    return make
