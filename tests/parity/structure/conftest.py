"""Sets two Keras models beside each other; weights are named by what they hold."""

import numpy as np
import pytest

from slimfix.parity.dataflow import read_dataflow
from slimfix.parity.structure.alignment import align
from slimfix.parity.structure.normal_form import normal_form
from slimfix.parity.structure.prints import take_prints


@pytest.fixture
def aligned():
    """Aligns a model with one that is planned; fills the weights of both, alike where alike."""

    def run(planned, found):
        values = np.random.default_rng(7)
        sides = []
        for model in (planned, found):
            values = np.random.default_rng(7)
            variables = {}
            for number, weight in enumerate(w for w in model.weights if w.dtype == "float32"):
                weight.assign(values.uniform(0.5, 1.5, weight.shape))
                variables[id(weight)] = f"variable {number}"
            flow = read_dataflow(model)
            shape = [3, *(size or 6 for size in model.inputs[0].shape[1:])]
            inputs = {t.name: np.random.default_rng(8).normal(size=shape) for t in flow.inputs}
            sides.append((flow, normal_form(flow, variables), inputs))
        return align(sides[0][1], sides[1][1], lambda: tuple(take_prints(sides)))

    return run
