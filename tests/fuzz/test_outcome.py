"""What counts as a refusal that says what it is about."""

import pytest

from slimfix.errors import UsageError
from tests.fuzz.case import Damage
from tests.fuzz.outcome import Column, classify

FOLDER = "build/fuzz/1/7-plan"
INSIDE = frozenset({"conv", "conv/weights", "odd\n"})


def column_of(text, seen=False, names=(), inside=INSIDE):
    return classify(UsageError(text), Damage({}, "", seen, names, inside), FOLDER)


@pytest.mark.parametrize(
    "text",
    [
        f"'{FOLDER}/model.ckpt.meta' is damaged",
        "'conv/weights' has no shape",
        "'conv/weights:0' has no shape",
        "'^conv' is unknown",
        r"'odd\n' is no name",
    ],
)
def test_a_path_or_a_name_in_the_file_is_named(text):
    assert column_of(text) is Column.REFUSED


@pytest.mark.parametrize(
    "text", ["the graph isn't one, it's damaged", "'elsewhere' has no shape", "conv is damaged"]
)
def test_other_quotes_and_apostrophes_name_nothing(text):
    assert column_of(text) is Column.NAMELESS


def test_names_that_must_be_there_are_asked_for():
    assert column_of("'module' fails", names=("module",), inside=frozenset()) is Column.REFUSED
    assert column_of(f"{FOLDER} fails", names=("module",), inside=frozenset()) is Column.NAMELESS
