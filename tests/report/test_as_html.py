"""The HTML report: well formed, escaped, complete, and in need of nothing from outside."""

from __future__ import annotations

import dataclasses
import html.parser
import math
import re

import pytest

from slimfix.report import format_html
from slimfix.report.axis import fit_axis
from slimfix.report.plot import plot_errors, plot_remark

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


@pytest.mark.parametrize("name", ["passing", "failing"])
def test_page_is_well_formed_and_has_its_structure(name, request):
    page = Page(format_html(request.getfixturevalue(name)))
    assert [len(page.named(tag)) for tag in ("html", "h1", "main", "title")] == [1, 1, 1, 2 + 18]
    assert page.named("html")[0]["lang"] == "en"
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.named(
        "meta"
    )
    assert all(heading["scope"] in ("col", "row") for heading in page.named("th"))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert sorted(ids) == sorted(set(ids))
    plot = page.named("svg")[0]
    assert plot["role"] == "img" and set(plot["aria-labelledby"].split()) == set(ids)


def test_page_loads_nothing(failing):
    text = format_html(failing)
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


def test_every_string_of_the_result_is_escaped(failing):
    page = Page(format_html(hostile(failing)))
    assert not page.named("img")
    assert page.text.count("<img src=x onerror=alert(1)>") > 50


def test_dollar_signs_in_names_are_not_filled_in(passing):
    page = Page(format_html(dataclasses.replace(passing, checkpoint="runs/$title/$$x")))
    assert "runs/$title/$$x" in page.text
    assert "$" not in page.text.replace("runs/$title/$$x", "")


def test_layer_table(failing):
    layers = Page(format_html(failing)).tables[0]
    assert [row[0] for row in layers] == ["#", "3", "4", "5", "2", "6", "1"]
    assert layers[3] == [
        "5",
        "net__logits|tensor net/logits/out:0|output",
        "Dense",
        "[8,10]",
        "3.7e-01",
        "5.3e-07",
        "3.8e-01",
        "different",
    ]
    assert layers[2][4:7] == ["nan", "4.1e-07", "inf"]
    assert layers[6][4:7] == ["0", "0", "0"]


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
    assert values[5:10] == ["4.0", "Infinity", "4.1e-07", "Infinity", "4.0"]
    assert [float(value) for value in values[:5]] == [3, 0.041, 3.1e-07, 0.043, 4]


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


def test_plot_says_how_zero_is_drawn(passing, failing):
    zero = "Errors of exactly 0 are drawn on the bottom line."
    assert plot_remark(passing.parity.layers) == zero
    assert plot_remark(passing.parity.layers[1:]) == ""
    assert (
        plot_remark(failing.parity.layers) == zero + " NaN and infinity are drawn on the top line."
    )
    assert zero in Page(format_html(passing)).text


def test_plot_marks_each_error_once_and_the_first_difference(passing, failing):
    drawn = plot_errors(failing.parity.layers)
    assert [drawn.count(f'class="mark {css}"') for css in ("float64", "original", "keras")] == [
        6
    ] * 3
    assert drawn.count(">first difference<") == 1
    assert ">first difference<" not in plot_errors(passing.parity.layers)
    assert "<title>net__logits: Keras in float32: 3.8e-01</title>" in drawn
    assert "Keras in float64: the function: nan; original in float32: 5.7e-07;" in drawn
