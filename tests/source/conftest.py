"""Plans made by hand, and small networks of tf-slim."""

import numpy as np
import pytest

from slimfix.migration.build import build_model
from slimfix.migration.records import InputRecord, LayerRecord, ModelPlan, WeightRecord
from slimfix.source import About, check_source, format_source

ABOUT = About("runs/model.ckpt-7", "net", "model.weights.h5")
WEIGHTS = {
    "layers.Dense": ("kernel", "bias"),
    "layers.Conv2D": ("kernel", "bias"),
    "layers.BatchNormalization": ("gamma", "beta", "moving_mean", "moving_variance"),
}


class PlanMaker:
    """Makes a plan one layer at a time; each call returns the tensor that the layer gives."""

    def __init__(self, *inputs):
        self.inputs = inputs
        self.layers = []

    def layer(
        self, target, scope, sources, name=None, outputs=1, node=None, dtype="float32", **config
    ):
        node = node or f"{scope}/{target.rpartition('.')[2]}"
        self.layers.append(
            LayerRecord(
                name=name or scope.replace("/", "__"),
                scope=scope,
                target=target,
                config=config,
                dtype=dtype,
                inputs=tuple(sources),
                outputs=tuple(f"{node}:{i}" for i in range(outputs)),
                weights=tuple(
                    WeightRecord(each, f"{scope}/{each}", ()) for each in WEIGHTS.get(target, ())
                ),
            )
        )
        return self.layers[-1].outputs[0]

    def plan(self, *outputs):
        return ModelPlan(tuple(self.inputs), tuple(self.layers), outputs)


@pytest.fixture
def maker():
    """A maker of plans with one input, 'x:0', float32 [batch, 6, 5, 4]."""
    return PlanMaker(InputRecord("x:0", "x", (None, 6, 5, 4), "float32"))


@pytest.fixture
def rebuilt(tmp_path):
    """Writes the source of a plan, proves it and runs it; returns the source."""
    import keras

    def rebuild(plan):
        source = format_source(plan, ABOUT)
        model = build_model(plan, ABOUT.model_name)
        path = str(tmp_path / ABOUT.weights_file)
        model.save_weights(path)
        check_source(source, model, path)
        namespace = {"__name__": "model"}
        exec(source, namespace)
        again = namespace["build_model"]()
        again.load_weights(path)
        generator = np.random.default_rng(3)
        values = [
            generator.normal(size=(3, *record.shape[1:])).astype(record.dtype)
            for record in plan.inputs
        ]
        for saved, own in zip(
            keras.tree.flatten(model(values if len(values) > 1 else values[0])),
            keras.tree.flatten(again(values if len(values) > 1 else values[0])),
        ):
            np.testing.assert_array_equal(saved, own)
        assert max(map(len, source.splitlines())) <= 100
        return source

    return rebuild
