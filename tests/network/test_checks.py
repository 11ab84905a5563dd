"""What is refused of a function before TensorFlow sees it."""

import dataclasses
import types

import pytest

from slimfix.errors import MigrationError
from slimfix.graphdef.view import Node
from slimfix.network.checks import check_filters
from slimfix.network.resolved import Resolved


@pytest.mark.parametrize("shape", [(3, 3, 0, 8), (3, 3, 8, 0), (0, 3, 8, 8), (3, 3, 8, 8)])
def test_a_variable_that_is_an_empty_filter(shape):
    node = Node("conv", "DepthwiseConv2dNative", ("x:0", "filter/read:0"), ())
    fields = {field.name: () for field in dataclasses.fields(Resolved)}
    fields.update(nodes={"conv": node}, variables={"filter/read:0": "filter"})
    weights = types.SimpleNamespace(spec=lambda name: types.SimpleNamespace(shape=shape))
    if 0 not in shape:
        check_filters(Resolved(**fields), weights)
        return
    with pytest.raises(MigrationError, match="1 convolution with an empty filter"):
        check_filters(Resolved(**fields), weights)
