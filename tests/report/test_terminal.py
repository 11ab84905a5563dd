"""The terminal report: exact lines, the width, the order of layers."""

from __future__ import annotations

import dataclasses
import math
import re

import pytest

from slimfix.parity.result import Verdict
from slimfix.report import format_terminal
from slimfix.report.summary import worst_first

ANSI = re.compile(r"\033\[[0-9;]*m")


def section(text, title):
    """The lines below a title, up to the next empty line."""
    block = next(block for block in text.split("\n\n") if block.startswith(title))
    return block.rstrip("\n").split("\n")[1:]


def test_source_names_what_was_read_and_chosen(passing):
    assert section(format_terminal(passing), "Source") == [
        "  checkpoint  runs/model.ckpt-100",
        "  meta        runs/model.ckpt-100.meta",
        "  switch      'is_training:0' = False",
        "  input       'images:0' -> 'images'",
        "  input       'mask:0' -> 'mask_in'",
        "  output      'net/logits/out:0'",
        "  output      'net/side/out:0'",
        "  original    recorded by TensorFlow 1.15.5; 11 recorded tensors checked against float64",
        "  data        8 samples, sha256 " + "3f7a" * 16,
        "  versions    keras 3.15.1, numpy 2.4.2, tensorflow 2.21.0",
    ]


def test_counts_of_variables_close(passing, failing):
    assert section(format_terminal(passing), "Variables") == [
        "  6 in the checkpoint = 3 migrated + 3 left out + 0 lost",
        "    2 left out: optimizer state; a Keras optimizer starts anew",
        "    1 left out: training step counter",
    ]
    lines = section(format_terminal(failing), "Variables")
    assert lines[0] == "  7 in the checkpoint = 3 migrated + 3 left out + 1 lost"
    assert lines[-1] == "    lost: net/gone/gamma"


def test_weights_that_differ_are_listed_up_to_the_limit(passing, failing):
    assert section(format_terminal(passing), "Weights") == [
        "  7 of 7 weights bit-equal to the checkpoint",
        "  23 of 23 settings as planned (momentum, rates, regularizers, ...)",
    ]
    assert section(format_terminal(failing, rows=1), "Weights") == [
        "  5 of 7 weights bit-equal to the checkpoint",
        "  22 of 23 settings as planned (momentum, rates, regularizers, ...)",
        "    different: 'net/conv1/weights': 3 of 24 values differ",
        "    and 2 more",
    ]


def test_table_of_layers(passing):
    lines = section(format_terminal(passing), "Layers")
    long, kind = "InceptionResnetV...1__BatchNorm__end", "BatchNormalization"
    assert lines[:3] == [
        f"  {'':36}  {'':18}  error in    error in float32",
        f"  {'layer':36}  {'kind':18}   float64  original     Keras  verdict",
        f"  {long:36}  {kind:18}   1.3e-15   3.1e-07   6.3e-05  degraded",
    ]
    flat = f"  {'net__flat':36}  {'Flatten':18}         0         0         0  identical"
    assert lines[7] == flat
    assert [line.split()[:2] for line in lines if line.startswith("*")] == [
        ["*", "net__logits"],
        ["*", "net__side"],
    ]


def test_outputs_are_shown_below_a_small_limit(passing):
    lines = section(format_terminal(passing, rows=1), "Layers")
    assert [line[2:14].rstrip() for line in lines[2:5]] == [
        "InceptionRes",
        "net__logits",
        "net__side",
    ]
    assert lines[5].startswith("  3 of 6 layers shown")


def test_output_line_holds_the_worst_output(passing):
    text = " ".join(line.strip() for line in section(format_terminal(passing), "Output"))
    assert text == (
        "worst of 2: 'net/logits/out:0' [8,10]: equivalent; error in float64 1.9e-15; "
        "in float32 5.3e-07 original, 5.9e-07 Keras"
    )


def test_each_note_is_said_once(passing):
    assert section(format_terminal(passing), "Notes") == [
        "  slim's fused batch norm stores variance * N/(N-1) in moving_variance, "
        "Keras the plain one",
        "    in 2 scopes: 'net/bn1', 'net/bn2'",
        "  no constant decay for '<scope>/moving_mean': momentum is 0.999",
        "    in 2 scopes: 'net/bn1', 'net/bn2'",
        "  the graph computes the dropout rate; it is 0 here",
        "    in 1 scope: 'net/<script>alert(1)</script>&\"''",
    ]


def test_many_scopes_of_a_note_are_counted(passing):
    notes = tuple(f"net/bn{index}: stays" for index in range(11, 20))
    lines = section(format_terminal(dataclasses.replace(passing, notes=notes)), "Notes")
    shown = ", ".join(f"'net/bn{index}'" for index in range(11, 17))
    assert lines == ["  stays", f"    in 9 scopes: {shown} and 3 more"]


def test_a_note_on_one_scope_keeps_its_names(passing):
    result = dataclasses.replace(passing, notes=("net/bn: no decay for 'net/bn/moving_mean'",))
    assert section(format_terminal(result), "Notes")[0] == "  no decay for 'net/bn/moving_mean'"


def test_verdict_of_a_pass(passing):
    text = format_terminal(passing)
    assert section(text, "Verdict: DEGRADED") == [
        "  The Keras model computes the same function as the original; the float32 error of some "
        "layers is",
        "  over four times the original's own.",
        "  1 of 6 layers round so much; the worst output is equivalent.",
    ]
    assert section(text, "Files") == [
        "  out/model.keras  the Keras model",
        "  out/model.py     its source",
    ]


def test_verdict_of_a_failure_names_the_first_difference_first(failing):
    text = " ".join(line.strip() for line in section(format_terminal(failing), "Verdict: DIFF"))
    scope = "InceptionResnetV2/Repeat_1/block17_19/Branch_1/Conv2d_0c_7x1/BatchNorm/end"
    assert text == (
        f"The first layer that computes another function is '{scope.replace('/', '__')}' "
        f"(BatchNormalization, number 3 of 6 in data-flow order), tensor '{scope}/out:0': "
        "float64 error 4.1e-02. 3 of 6 layers differ in float64. "
        "2 of 7 weights read back from the Keras file do not have the checkpoint's bits. "
        "1 of 23 settings read back from the Keras file are not as planned. "
        "1 variable of the checkpoint unaccounted for."
    )


def test_layers_that_differ_stay_in_data_flow_order(failing):
    assert [row.layer.rpartition("__")[2] for row in worst_first(failing.parity.layers)] == [
        "end",
        "hostile",
        "logits",
        "conv1",
        "side",
        "flat",
    ]


@pytest.mark.parametrize(
    ("keras_error", "original_error", "place"),
    [
        (math.nan, 4e-07, 0),
        (math.inf, 4e-07, 0),
        (1e-09, 0.0, 0),
        (1e-09, math.inf, 4),
        (0.0, 0.0, 4),
    ],
)
def test_order_of_zero_and_not_finite_errors(passing, keras_error, original_error, place):
    odd, *others = (
        dataclasses.replace(row, verdict=Verdict.EQUIVALENT) for row in passing.parity.layers
    )
    odd = dataclasses.replace(odd, keras_error=keras_error, original_error=original_error)
    ordered = worst_first([odd, *others[:4]])
    assert ordered.index(odd) == place


def test_not_finite_errors_are_written_as_such(failing):
    row = next(line for line in format_terminal(failing).split("\n") if "net__hostile" in line)
    assert row.split() == ["net__hostile", "Activation", "nan", "4.1e-07", "inf", "different"]


@pytest.mark.parametrize("name", ["passing", "failing"])
def test_every_line_fits_100_columns(name, request):
    result = request.getfixturevalue(name)
    long = "/srv/" + "long_folder_without_an_end/" * 9 + "model.ckpt-7"
    result = dataclasses.replace(
        result, checkpoint=long, files={long: "the Keras model"}, switches={"s/" * 80 + "x:0": True}
    )
    text = format_terminal(result)
    assert max(len(line) for line in text.split("\n")) <= 100
    assert long in re.sub(r"\n *", "", text)


def test_colour_adds_to_no_width(failing):
    plain = format_terminal(failing)
    coloured = format_terminal(failing, colour=True)
    assert "\033" not in plain
    assert "Verdict: \033[31;1mDIFFERENT\033[0m" in coloured
    assert ANSI.sub("", coloured) == plain


def test_control_characters_of_names_are_escaped(passing):
    result = dataclasses.replace(passing, checkpoint="runs/\033[2Jmodel\n.ckpt")
    assert "  checkpoint  runs/\\x1b[2Jmodel\\n.ckpt\n" in format_terminal(result)
