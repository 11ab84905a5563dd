"""The terminal report: exact lines, the width, the order of layers."""

from __future__ import annotations

import dataclasses
import math
import re

import pytest

from slimfix.parity.verdicts import Verdict
from slimfix.report import format_terminal
from slimfix.report.order import worst_first
from slimfix.report.training_tables import choose_steps

VARIANCES = ("net/bn1/moving_variance", "net/bn2/moving_variance")
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
        "  9 of 9 operations as planned, and wired so",
    ]
    assert section(format_terminal(failing, rows=1), "Weights") == [
        "  5 of 7 weights bit-equal to the checkpoint",
        "  22 of 23 settings as planned (momentum, rates, regularizers, ...)",
        "  9 of 9 operations as planned, and wired so",
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
        "in float32 5.3e-07 original (4.4 ulp), 5.9e-07 Keras (4.9 ulp)"
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


@pytest.mark.parametrize("name", ["passing", "failing", "trained", "astray"])
def test_every_line_fits_100_columns(name, request):
    result = request.getfixturevalue(name)
    long = "/srv/" + "long_folder_without_an_end/" * 9 + "model.ckpt-7"
    result = dataclasses.replace(
        result, checkpoint=long, files={long: "the Keras model"}, switches={"s/" * 80 + "x:0": True}
    )
    text = format_terminal(result)
    assert max(len(line) for line in text.split("\n")) <= 100
    assert long in re.sub(r"\n *", "", text)


def longer(value):
    """The same record with 120 columns before every string that it holds, at any depth."""
    if isinstance(value, str):
        return "net/" + "block/" * 20 + value
    if isinstance(value, tuple):
        return tuple(longer(item) for item in value)
    if isinstance(value, dict):
        return {longer(key): longer(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return type(value)(*(longer(getattr(value, field.name)) for field in fields))
    return value


@pytest.mark.parametrize("name", ["failing", "trained", "astray"])
def test_long_names_fit_100_columns(name, request):
    text = format_terminal(longer(request.getfixturevalue(name)))
    assert max(len(line) for line in text.split("\n")) == 100


def test_levels(passing, trained):
    assert section(format_terminal(trained), "Levels") == [
        "      what                           compared                 worst float64  verdict",
        "  L0  weights, settings, operations  39 parts                             -  identical",
        "  L1  inference, layer by layer      6 layers                       2.3e-15  degraded",
        "  L2  training mode, one step        6 layers and statistics        3.4e-15  explained",
        "  L3  gradients                      3 gradients                    3.7e-15  equivalent",
        "  L4  many optimizer steps           20 steps                       4.2e-14  equivalent",
    ]
    lines = section(format_terminal(passing), "Levels")
    assert [line.split()[-2:] for line in lines[3:]] == [["not", "run"]] * 3


def test_levels_that_did_not_run_have_no_section(passing, trained):
    text = format_terminal(passing)
    assert not re.search(r"\((L2|L3|L4)\)\n", text)
    for title in ("Likely cause", "Not compared"):
        assert title not in text
    assert len(re.findall(r"\((?:L2|L3|L4)\)\n", format_terminal(trained))) == 4


def test_training_mode_shows_the_worst_first(astray):
    lines = section(format_terminal(astray), "Layers in training mode")
    assert lines[1:4] == [
        "  layer        kind     float64  original     Keras  verdict",
        "  net__logits  Dense    6.1e-03   5.1e-07   6.3e-03  different",
        "  net__conv1   Conv2D   1.2e-15   2.1e-07   2.6e-07  equivalent",
    ]


def test_moving_statistics_before_and_after(trained):
    lines = section(format_terminal(trained), "Moving statistics")
    assert lines[:4] == [
        f"{'':47}after one step  error in",
        f"  {'variable':23}      before    original       Keras   float64      left  verdict",
        f"  {VARIANCES[1]}         4.5        4.75       4.688   2.1e-03   3.4e-15  explained",
        f"  {VARIANCES[0]}         2.5       2.625       2.562   4.2e-03   1.6e-15  explained",
    ]
    assert lines[-2:] == [
        "  Keras moves towards the plain variance, slim's fused op towards N/(N-1) times it",
        "    in 2 moving statistics: 'net/bn1/moving_variance', 'net/bn2/moving_variance'",
    ]


def test_statistics_without_a_step_are_shown_only_with_a_reason(trained):
    def lines(reason):
        row = dataclasses.replace(
            trained.parity.statistics[0],
            original_after=None,
            keras_after=None,
            function_error=None,
            unexplained_error=None,
            reason=reason,
        )
        parity = dataclasses.replace(trained.parity, training=None, statistics=(row,))
        return format_terminal(dataclasses.replace(trained, parity=parity))

    assert "Moving statistics" not in lines("")
    row = section(lines("no update op"), "Moving statistics")[2]
    assert row.split() == ["net/bn1/moving_mean", "-1.5", "-", "-", "-", "-", "equivalent"]


def test_gradients_are_named_by_what_they_are_taken_of(astray):
    lines = section(format_terminal(astray, rows=2), "Gradients")
    assert lines[1:] == [
        "  gradient of        kind     float64  original     Keras  verdict",
        "  net/bn1/beta       beta     8.3e-03   6.7e-07   8.7e-03  different",
        "  net/conv1/weights  kernel   3.1e-15   6.1e-07   6.3e-07  equivalent",
        "  2 of 3 gradients shown.",
    ]


def test_first_and_last_and_first_different_step_are_shown(astray):
    lines = section(format_terminal(astray), "Steps")
    assert lines[0] == (
        "  Momentum(learning_rate=0.01, momentum=0.9), minimising the mean square of "
        "'net/logits/out:0'"
    )
    shown = [line.split()[0] for line in lines[3:-1]]
    assert shown == ["1", "4", "5", "6", "9", "12", "15", "17", "20"]
    assert lines[5].split() == [
        "5", "1.875", "1.5e-02", "6.5e-07", "1.5e-02", "1.5e-02", "net/conv2/weights", "different",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("number", "shown", "places"),
    [(0, 3, []), (1, 3, [1]), (2, 3, [1, 2]), (3, 8, [1, 2, 3]), (9, 3, [1, 5, 9]), (9, 1, [1])],
)
def test_choice_of_steps(trained, number, shown, places):
    steps = trained.parity.trajectory.steps[:number]
    assert [step.step for step in choose_steps(steps, shown)] == places


def test_likely_cause(trained, astray):
    assert section(format_terminal(astray), "Likely cause") == [
        "  The difference shows first at level L2, in layer 'net__logits', 'net/logits/out:0' in "
        "the",
        "  original.",
        "  3 hypotheses tried; it is explained by: epsilon 0.001 in place of 1e-05.",
        "    fits         1.5e-15  epsilon 0.001 in place of 1e-05",
        "                 5.7e-03  gamma <s>left out</s>",
        "          does not apply  another axis",
    ]
    assert "Likely cause" not in format_terminal(trained)


def test_a_difference_that_nothing_explains_says_so(astray):
    def lines(trials):
        diagnosis = dataclasses.replace(astray.parity.diagnosis, trials=trials)
        parity = dataclasses.replace(astray.parity, diagnosis=diagnosis)
        return section(format_terminal(dataclasses.replace(astray, parity=parity)), "Likely cause")

    tried = astray.parity.diagnosis.trials
    assert lines(tried[1:])[2] == "  2 hypotheses tried; none explains it."
    assert lines(tried[1:2])[2] == "  1 hypothesis tried; none explains it."
    assert lines(())[2:] == ["  Nothing was tried to explain it."]


def test_cause_of_degraded_layers(passing, trained):
    assert section(format_terminal(trained), "Why float32")[0] == (
        "  channels nearly cancel out: the largest term is 310 times their sum"
    )
    assert section(format_terminal(passing), "Why float32") == [
        "  the cause is not known",
        f"    in 1 layer: '{passing.parity.layers[2].layer}'",
    ]


def test_what_was_not_compared(trained):
    assert section(format_terminal(trained), "Not compared") == [
        "  2 tensors of the original without a layer of that name in the Keras model; what they "
        "pass on is",
        "  compared all the same",
        "    'net/bn1/gone:0', 'net/<u>/gone:0'",
        "  3 channels zero everywhere on these inputs, so that nothing was compared in them",
        "    3 of 'net__hostile'",
    ]


def test_checksums_are_listed(trained):
    lines = section(format_terminal(trained), "Source")
    assert "  sha256      " + "5b2c" * 16 + " out/model.keras" in lines


@pytest.mark.parametrize(
    ("name", "word"),
    [("failing", "\033[31;1mDIFFERENT"), ("astray", "\033[31;1mDIFFERENT"),
     ("trained", "\033[36mEXPLAINED")],
)  # fmt: skip
def test_colour_adds_to_no_width(name, word, request):
    result = request.getfixturevalue(name)
    plain = format_terminal(result)
    coloured = format_terminal(result, colour=True)
    assert "\033" not in plain
    assert f"Verdict: {word}\033[0m" in coloured
    assert ANSI.sub("", coloured) == plain


def test_control_characters_of_names_are_escaped(passing):
    result = dataclasses.replace(passing, checkpoint="runs/\033[2Jmodel\n.ckpt")
    assert "  checkpoint  runs/\\x1b[2Jmodel\\n.ckpt\n" in format_terminal(result)
