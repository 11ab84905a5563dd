"""The HTML report: well formed, escaped, complete, and in need of nothing from outside."""

from __future__ import annotations

import dataclasses
import html.parser
import math
import re

import markupsafe
import pytest

from slimfix.parity.verdicts import Verdict
from slimfix.report import format_html
from slimfix.report.axis import fit_axis
from slimfix.report.plots import plot_layers, plot_steps
from slimfix.report.templates import load_template

VOID = {"meta", "br", "wbr"}


class Page(html.parser.HTMLParser):
    """Gathers tables, scripts and text, and raises where a tag closes another."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.tables, self.scripts = [], [], [], []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag == "small" and self.open[-2] in ("td", "th"):
            self.tables[-1][-1][-1] += "|"

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)

    def named(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def test_page_refuses_crossed_tags():
    with pytest.raises(AssertionError):
        Page("<p><b>bold</p></b>")
    with pytest.raises(AssertionError):
        Page("<div><p>left open</p>")


@pytest.mark.parametrize(
    ("name", "titles"),
    # The page's, each plot's, and three errors of each layer and of each step's loss and weight.
    [
        ("passing", 2 + 3 * 6),
        ("failing", 2 + 3 * 6),
        ("trained", 5 + 3 * (6 + 2 + 20 + 20)),
        ("astray", 5 + 3 * (6 + 2 + 20 + 20)),
    ],
)
def test_page_is_well_formed_and_has_its_structure(name, titles, request):
    page = Page(format_html(request.getfixturevalue(name)))
    assert [len(page.named(tag)) for tag in ("html", "h1", "main", "title")] == [1, 1, 1, titles]
    assert page.named("html")[0]["lang"] == "en"
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.named(
        "meta"
    )
    assert all(heading["scope"] in ("col", "row") for heading in page.named("th"))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert sorted(ids) == sorted(set(ids))
    plots = [plot for plot in page.named("svg") if "role" in plot]
    assert {plot["role"] for plot in plots} == {"img"}
    assert sorted(ids) == sorted(id for plot in plots for id in plot["aria-labelledby"].split())


@pytest.mark.parametrize("name", ["failing", "astray"])
def test_page_loads_nothing(name, request):
    text = format_html(request.getfixturevalue(name))
    assert not re.search(r"https?:|//[a-z]|@import|url\(", re.sub(r"// .*", "", text))
    loaded = {"src", "href", "srcset", "data", "action"}
    assert not [tag for tag, attributes in Page(text).tags if loaded & set(attributes)]
    assert "default-src 'none'" in text


def test_names_are_escaped(failing):
    text = format_html(failing)
    page = Page(text)
    assert "<script>alert" not in text and len(page.scripts) == 1
    assert "net/<script>alert(1)</script>&\"'/out:0" in page.text
    assert "net/conv1/<b>/Momentum" in page.text and not page.named("b")
    assert "'net/logits/<i>': 2 of 10 differ" in page.text and not page.named("i")


def hostile(value):
    """The same record with markup before every string that it holds, at any depth."""
    if isinstance(value, str):
        return "<img src=x onerror=alert(1)>" + value
    if isinstance(value, tuple):
        return tuple(hostile(item) for item in value)
    if isinstance(value, dict):
        return {hostile(key): hostile(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return type(value)(*(hostile(getattr(value, field.name)) for field in fields))
    return value


@pytest.mark.parametrize(("name", "strings"), [("failing", 50), ("astray", 150)])
def test_every_string_of_the_result_is_escaped(name, strings, request):
    page = Page(format_html(hostile(request.getfixturevalue(name))))
    assert not page.named("img")
    assert page.text.count("<img src=x onerror=alert(1)>") > strings


def test_the_rule_of_escaping_can_fail(passing):
    markup = markupsafe.Markup("<b>bold</b>")  # Says of itself that it is safe.
    assert Page(format_html(dataclasses.replace(passing, checkpoint=markup))).named("b")


def test_no_name_is_a_template(passing):
    name = "runs/$title/{{ 7 * 7 }}/{% raw %}/{# x"
    page = Page(format_html(dataclasses.replace(passing, checkpoint=name)))
    assert name in page.text


def test_control_characters_of_names_are_escaped(passing):
    """In plain text, and in a cell, which says itself where its text may break."""
    name = "runs/\033[2Jmodel\u202e\n.ckpt"
    layers = tuple(dataclasses.replace(row, layer=name) for row in passing.parity.layers)
    parity = dataclasses.replace(passing.parity, layers=layers)
    text = format_html(dataclasses.replace(passing, checkpoint=name, parity=parity))
    shown = "runs/\\x1b[2Jmodel\\u202e\\n.ckpt"
    assert Page(text).text.count(shown) > 2 and shown in Page(text).tables[0][1][1]
    assert not {"\033", "\u202e"} & set(text)


def test_layer_table(failing):
    layers = Page(format_html(failing)).tables[0]
    assert [row[0] for row in layers] == ["#", "3", "4", "5", "2", "6", "1"]
    assert layers[3] == [
        "5",
        "net__logits|tensor net/logits/out:0|output",
        "different",
        "Dense",
        "[8,10]",
        "3.7e-01",
        "5.3e-07|4.4 ulp",
        "3.8e-01|4.9 ulp",
    ]
    assert layers[2][5:] == ["nan", "4.1e-07|3.4 ulp", "inf|3.3 ulp"]
    assert layers[6][5:] == ["0", "0|0 ulp", "0|0 ulp"]


def test_scope_is_told_where_the_tensor_does_not_tell_it(passing):
    layers = (
        dataclasses.replace(passing.parity.layers[4], scope="tower/logits"),
        passing.parity.layers[5],
    )
    result = dataclasses.replace(passing, parity=dataclasses.replace(passing.parity, layers=layers))
    cells = [row[1] for row in Page(format_html(result)).tables[0]]
    assert "net__logits|scope tower/logits|tensor net/logits/out:0|output" in cells
    assert "net__side|tensor net/side/out:0|output" in cells


def test_numbers_sort_by_their_value(failing):
    values = [
        cell["data-value"]
        for cell in Page(format_html(failing)).named("td")
        if "data-value" in cell
    ]
    assert values[5:10] == ["4.0", "4.0", "Infinity", "4.1e-07", "Infinity"]
    assert [float(value) for value in values[:5]] == [3, 4, 0.041, 3.1e-07, 0.043]


def test_variable_table_has_every_fate(failing):
    variables = Page(format_html(failing)).tables[1]
    assert len(variables) == 1 + 7
    assert variables[2] == [
        "net/conv1/weights/Momentum",
        "[3,2,1,4]",
        "float32",
        "optimizer slot",
        "left out",
        "optimizer state; a Keras optimizer starts anew",
    ]
    assert variables[4][4:] == ["migrated", "net__logits/bias, again/bias"]
    assert variables[7][4:] == ["lost", ""]


def test_cards(passing, failing):
    figures = r'<p class="figure">([^<]*)</p>'
    assert re.findall(figures, format_html(passing)) == [
        "6 of 6 accounted for",
        "7 of 7 bit-equal",
        "1.9e-15 in float64",
        "6 of 6 the same function",
    ]
    assert re.findall(figures, format_html(failing)) == [
        "6 of 7 accounted for",
        "5 of 7 bit-equal",
        "3.7e-01 in float64",
        "3 of 6 the same function",
    ]


def test_headline_and_source(failing):
    text = Page(format_html(failing)).text
    headline = text.index("Parity: different")
    assert headline < text.index("The first layer that computes another function is 'Incep")
    for fact in ("keras 3.15.1", "3f7a" * 16, "'is_training:0' = False", "out/model.keras"):
        assert fact in text


def test_axis_has_lines_for_zero_and_not_finite():
    axis = fit_axis([0.0, 3e-9, 2e-6, math.nan], bottom=290.0, top=10.0)
    assert (axis.low, axis.high, axis.zero, axis.beyond) == (-9, -5, True, True)
    # Six decades from the line of zero to the line of NaN.
    assert axis.place(0.0) == 290.0
    assert axis.place(math.inf) == axis.place(math.nan) == 10.0
    assert axis.place(1e-9) == pytest.approx(290 - 280 / 6)
    assert [label for _, label in axis.ticks()] == [
        "0", "1e-9", "1e-8", "1e-7", "1e-6", "1e-5", "not finite",
    ]  # fmt: skip


@pytest.mark.parametrize("errors", [[], [0.0], [math.nan], [1e-7], [5e-324, 1e300]])
def test_axis_of_few_or_wild_errors_is_finite(errors):
    axis = fit_axis(errors, bottom=290.0, top=10.0)
    heights = [height for height, _ in axis.ticks()] + [axis.place(error) for error in errors]
    assert all(10.0 <= height <= 290.0 for height in heights)
    assert len(axis.ticks()) <= 13


def draw_plot(plot):
    return str(load_template("plot.html").module.draw(plot))


def drawn_from(layers):
    return plot_layers(layers, "plot", "Error by depth")


def test_plot_says_how_zero_is_drawn(passing, failing):
    zero = "Errors of exactly 0 are drawn on the bottom line."
    assert drawn_from(passing.parity.layers).remark == zero
    assert drawn_from(passing.parity.layers[1:]).remark == ""
    assert (
        drawn_from(failing.parity.layers).remark
        == zero + " NaN and infinity are drawn on the top line."
    )
    assert zero in Page(format_html(passing)).text


def test_plot_marks_each_error_once_and_the_first_difference(passing, failing):
    drawn = draw_plot(drawn_from(failing.parity.layers))
    assert [drawn.count(f'class="mark {css}"') for css in ("float64", "original", "keras")] == [
        6
    ] * 3
    assert drawn.count(">first difference<") == 1
    assert ">first difference<" not in draw_plot(drawn_from(passing.parity.layers))
    assert "<title>net__logits: Keras in float32: 3.8e-01</title>" in drawn
    assert "Keras in float64: the function: nan; original in float32: 5.7e-07;" in drawn


def test_a_plot_of_nothing_is_drawn():
    drawn = draw_plot(drawn_from(()))
    assert "0 layers. Largest errors: Keras in float64: the function: 0;" in drawn


def test_plots_of_steps(astray):
    drawn = "".join(draw_plot(plot) for plot in plot_steps(astray.parity.trajectory))
    assert drawn.count('<svg viewBox="0 0 760 340"') == 2
    assert drawn.count(">first difference<") == 2
    assert "<title>step 5: Keras in float64: the function: 1.5e-02</title>" in drawn
    assert "<title>step 20: original in float32: 2.6e-06</title>" in drawn  # The loss.
    assert "<title>step 20: original in float32: 4.6e-06</title>" in drawn  # The weights.


def strip(result):
    text = format_html(result)
    items = text[text.index('<ol class="levels"') : text.index("</ol>")].split("<li")[1:]
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", "<li" + item)).strip() for item in items]


def test_strip_of_levels(passing, trained):
    assert strip(trained) == [
        "L0 weights, settings, operations identical 39 parts",
        "L1 inference, layer by layer degraded 6 layers, worst float64 error 2.3e-15",
        "L2 training mode, one step explained 6 layers and statistics, worst float64 error 3.4e-15",
        "L3 gradients equivalent 3 gradients, worst float64 error 3.7e-15",
        "L4 many optimizer steps equivalent 20 steps, worst float64 error 4.2e-14",
    ]
    assert strip(passing)[2:] == [
        "L2 training mode, one step not run",
        "L3 gradients not run",
        "L4 many optimizer steps not run",
    ]


def tables(result):
    """The rows of each table, by its caption."""
    text = format_html(result)
    captions = re.findall(r"<caption>([^<]*)</caption>", text)
    found = Page(text).tables
    assert len(captions) == len(set(captions)) == len(found)
    return dict(zip(map(html.unescape, captions), found))


def test_levels_that_did_not_run_have_no_table(passing, trained):
    assert [*tables(passing)] == ["Layers, worst first", "Variables of the checkpoint"]
    assert [caption.split(",")[0] for caption in tables(trained)] == [
        "Layers",
        "Layers in training mode",
        "Mean over the channels",
        "Gradients",
        "Momentum(learning_rate=0.01",
        "Variables of the checkpoint",
    ]


def test_table_of_statistics(astray):
    rows = tables(astray)["Mean over the channels, and their range"]
    assert rows[0][:7] == [
        "Moving statistic",
        "Verdict",
        "Checkpoint",
        "Keras file",
        "After one step, original",
        "After one step, Keras",
        "N",
    ]
    assert rows[2] == [
        "net/bn1/moving_variance|net__bn1/moving_variance",
        "explained",
        "2.5|2.25 to 3.25",
        "2.5|2.25 to 3.25",
        "2.625|2.375 to 3.375",
        "2.562|2.312 to 3.312",
        "240",
        "4.2e-03",
        "1.6e-15",
        "Keras moves towards the plain variance, slim's fused op towards N/(N-1) times it",
    ]
    assert [row[0].partition("|")[0] for row in rows[1:]] == [
        "net/bn2/moving_variance",
        "net/bn1/moving_variance",
        "net/bn1/moving_mean",
        "net/bn2/moving_mean",
    ]
    assert rows[4][6] == "-"


def test_statistics_without_a_step(trained):
    row = dataclasses.replace(
        trained.parity.statistics[0],
        original_after=None,
        keras_after=None,
        function_error=None,
        unexplained_error=None,
    )
    parity = dataclasses.replace(trained.parity, statistics=(row,))
    found = tables(dataclasses.replace(trained, parity=parity))
    cells = found["Mean over the channels, and their range"][1]
    assert cells[4:9] == ["-", "-", "240", "-", "-"]


def test_what_is_not_known_sorts_below_all_others(trained):
    row = dataclasses.replace(trained.parity.statistics[0], keras_after=None, elements=None)
    parity = dataclasses.replace(trained.parity, statistics=(row,))
    text = format_html(dataclasses.replace(trained, parity=parity))
    assert re.findall(r'data-value="([^"]*)">-<', text) == ["-Infinity", "-Infinity"]


def test_table_of_gradients(astray):
    rows = tables(astray)["Gradients, worst first"]
    assert rows[0][1] == "Gradient of"
    assert rows[1] == [
        "2",
        "net/bn1/beta|layer net__bn1|2 channels zero everywhere, not compared",
        "different",
        "beta",
        "[4]",
        "8.3e-03",
        "6.7e-07|3.2 ulp",
        "8.7e-03|1.2e+03 ulp",
    ]


def test_table_of_steps_has_them_all(astray):
    rows = tables(astray)[
        "Momentum(learning_rate=0.01, momentum=0.9), minimising the mean square of "
        "'net/logits/out:0'"
    ]
    assert len(rows) == 1 + 20
    assert rows[5] == [
        "5", "different", "1.875", "1.5e-02", "6.5e-07", "1.5e-02", "1.5e-02", "1.2e-06", "1.5e-02",
        "net/conv2/weights",
    ]  # fmt: skip


def test_what_is_not_equal_and_why(passing, astray):
    text = Page(format_html(astray)).text
    for sentence in (
        "The difference shows first at level L2, in layer 'net__logits', 'net/logits/out:0' in the "
        "original.",
        "3 hypotheses tried; it is explained by: epsilon 0.001 in place of 1e-05.",
        "More float32 error: channels nearly cancel out: the largest term is 310 times their sum.",
        "2 tensors of the original without a layer of that name in the Keras model",
        "net/bn1/gone:0, net/<u>/gone:0",
        "3 of net__hostile",
        "cause: channels nearly cancel out",
        "3 channels zero everywhere, not compared",
    ):
        assert sentence in text
    assert tables(astray)["What was tried"][1:] == [
        ["epsilon 0.001 in place of 1e-05", "yes", "1.5e-15"],
        ["gamma <s>left out</s>", "no", "5.7e-03"],
        ["another axis", "no", "does not apply"],
    ]
    equal = [dataclasses.replace(row, verdict=Verdict.EQUIVALENT) for row in passing.parity.layers]
    parity = dataclasses.replace(passing.parity, layers=tuple(equal))
    text = Page(format_html(dataclasses.replace(passing, parity=parity))).text
    assert "Nothing is different, and no layer rounds more than the original." in text


def test_verdict_explained_has_its_colour(trained):
    text = format_html(trained)
    assert '<header class="explained">' in text and '<td class="explained" data-value=' in text
    for verdict in Verdict:
        assert f".{verdict.value}" in text
        assert f"td.{verdict.value}" in text


def test_checksums_are_listed(trained):
    assert "9e1d" * 16 + " runs/model.ckpt-100.index" in Page(format_html(trained)).text
