"""The text is as ruff formats it: `make lint` checks the expected file, this test the text."""

import pathlib

import numpy as np

from tests.source.test_format_source import conv

EXPECTED = pathlib.Path("tests/source/expected_model.py")


def example(maker):
    """A plan with each form of line: functions, loops, branches, lists, constants, long names."""
    x = maker.layer("ops.divide", "net/scaled", ["x:0"], x2=np.linspace(0.3, 2.0, 4, dtype="f4"))
    x = maker.layer("ops.add", "net/shifted", [x], x2=np.arange(20, dtype="f4").reshape(5, 4) / 9)
    for i in range(1, 4):
        x = conv(maker, f"net/stem/conv{i}", x, 8)
    for block, filters in (("a", 3), ("b", 4), ("c", 5)):
        scope = f"net/mixed_{block}"
        paths = [conv(maker, f"{scope}/Branch_{i}/conv", x, filters + i) for i in range(3)]
        paths[1] = conv(maker, f"{scope}/Branch_1/last", paths[1], 6, size=(1, 3))
        x = maker.layer("layers.Concatenate", f"{scope}/concat", paths, axis=3)
    scope = "net/a_block_with_a_name_that_is_so_long_that_it_fills_a_line"
    paths = [conv(maker, f"{scope}/Branch_{i}", x, 2, relu=i == 0) for i in range(4)]
    x = maker.layer("layers.Concatenate", f"{scope}/concat", paths, axis=3)
    whole = slice(None, None, None)
    x = maker.layer(
        "ops.get_item", "net/turned", [x], key=(whole, slice(None, None, -1), slice(1, 4, None))
    )
    x = maker.layer(
        "layers.Rescaling",
        "net/rescaled_to_another_range_as_far_as_a_lin",
        [x],
        scale=1.25,
        offset=-0.5,
    )
    x = maker.layer("layers.Flatten", "net/flat", [x], data_format="channels_last")
    return maker.plan(maker.layer("layers.Dense", "net/logits", [x], units=10), x)


def test_the_text_is_the_expected_file(maker, rebuilt):
    source = rebuilt(example(maker))
    assert source == EXPECTED.read_text(), "if it is to change, write `source` to the file"
