"""What no computer holds is refused before anything is planned."""

from types import SimpleNamespace

import pytest

from slimfix.errors import UnsafeGraphError
from slimfix.migration.function_checks import check_sizes


def test_a_tensor_too_large_is_told():
    shapes = {"small:0": (None, 7, 5), "any:0": None, "large:0": (None, 2**20, 2**10, 3)}
    with pytest.raises(UnsafeGraphError) as caught:
        check_sizes(SimpleNamespace(shapes=shapes))
    text = str(caught.value)
    assert text.startswith("1 tensor of the network would be larger than any that fits ")
    assert "\n  'large:0': 3,221,225,472 numbers\n" in text


def test_the_largest_that_may_be_is_taken():
    check_sizes(SimpleNamespace(shapes={"x:0": (None, 2**20, 2**10)}))
