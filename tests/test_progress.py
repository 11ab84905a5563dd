"""The progress bar."""

import io

import pytest

from slimfix.progress import show_progress


def test_the_bar_counts_and_is_wiped_out():
    stream = io.StringIO()
    assert list(show_progress([7, 8, 9], "pass 1 of 2", True, stream)) == [7, 8, 9]
    first, last = stream.getvalue().split("\r")[1], stream.getvalue().split("\r")[-2]
    assert first == "pass 1 of 2: [" + "." * 30 + "] 0 of 3 batches"
    assert last == " " * len(first)


def test_the_bar_is_wiped_out_by_closing_it():
    stream = io.StringIO()
    bar = show_progress([7, 8, 9], "pass", True, stream)
    next(bar)
    assert not stream.getvalue().endswith(" \r")
    bar.close()
    assert stream.getvalue().endswith(" \r")


def test_a_bar_without_an_end():
    stream = io.StringIO()
    assert list(show_progress(iter([7, 8]), "pass", True, stream)) == [7, 8]
    assert stream.getvalue().startswith("\rpass: batch 1")


def test_no_bar_but_on_a_terminal():
    stream = io.StringIO()
    assert list(show_progress([7], "pass", None, stream)) == [7]
    assert list(show_progress([7], "pass", False, stream)) == [7]
    assert stream.getvalue() == ""
    stream.isatty = lambda: True
    assert list(show_progress([7], "pass", None, stream)) == [7]
    assert stream.getvalue() != ""


@pytest.mark.parametrize(("noun", "one"), [("layers", "layer"), ("steps", "step")])
def test_the_bar_counts_other_things(noun, one):
    stream = io.StringIO()
    list(show_progress([7, 8, 9], "L1", True, stream, noun))
    assert stream.getvalue().startswith("\rL1: [" + "." * 30 + f"] 0 of 3 {noun}\r")
    stream = io.StringIO()
    list(show_progress(iter([7, 8]), "L1", True, stream, noun))
    assert stream.getvalue().startswith(f"\rL1: {one} 1\r")
