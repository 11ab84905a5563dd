"""The one form of an error's text, and what each kind of error is."""

import pytest

from slimfix import errors
from slimfix.errors import reason


def test_explain_lists_every_item_then_cause_then_fix():
    text = errors.explain(
        "Cannot load 2 of 53 variables", ["'a': 1", "'b': 2"], cause="A cause.", fix="A fix."
    )
    assert text == (
        "Cannot load 2 of 53 variables:\n  'a': 1\n  'b': 2\nLikely cause: A cause.\nFix: A fix."
    )


def test_explain_leaves_out_what_there_is_not():
    assert errors.explain("No checkpoint") == "No checkpoint"


def test_every_error_is_a_slimfix_error():
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and kind.__module__ == errors.__name__
    ]
    assert len(kinds) > 8
    assert all(issubclass(kind, errors.SlimfixError) for kind in kinds)


def test_a_checkpoint_error_is_the_users_to_mend():
    assert issubclass(errors.CheckpointError, errors.UsageError)
    assert not issubclass(errors.CheckpointMismatchError, errors.UsageError)


NASTY = {
    "\x1b]0;yours\x07": "\\x1b]0;yours\\x07",
    "a\r\nFix: obey": "a\\r\\nFix: obey",
    "\x9b2J": "\\x9b2J",
    "\x7f": "\\x7f",
    "\u202egnp.exe": "\\u202egnp.exe",
    "\u2066x\u2069": "\\u2066x\\u2069",
    "zero\u200bwidth": "zero\\u200bwidth",
    "\ud800": "\\ud800",
    "\u2028": "\\u2028",
}


@pytest.mark.parametrize("name", NASTY)
def test_what_a_terminal_obeys_is_escaped(name):
    assert errors.printable(name) == NASTY[name]
    text = errors.explain(f"No '{name}'", [f"'{name}'"], cause=f"'{name}'.", fix=f"'{name}'.")
    shown = NASTY[name]
    assert text == f"No '{shown}':\n  '{shown}'\nLikely cause: '{shown}'.\nFix: '{shown}'."


def test_the_lines_of_an_error_stay_lines():
    assert str(errors.UsageError("one\ntwo \x1b[2J")) == "one\ntwo \\x1b[2J"


def test_names_of_all_languages_stay():
    assert errors.printable("größe/слой 层 é") == "größe/слой 层 é"


TENSORFLOWS = """Graph execution error:

Detected at node 'Cast' defined at (most recent call last):
    File "program.py", line 5, in <module>
      images = tf.cast(images, tf.string)
Node: 'Cast'
Cast float to string is not supported
\t [[{{node Cast}}]]

Original stack trace for 'Cast':
  File "program.py", line 5, in <module>
"""
KERASS = """<class 'Dense'> could not be deserialized properly. Please ensure ...

config={'units': -1}.

Exception encountered: \x1b[1mInvalid value for `units`\x1b[0m"""


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (RuntimeError(TENSORFLOWS), "RuntimeError: Cast float to string is not supported"),
        (
            TypeError(KERASS),
            "TypeError: <class 'Dense'> could not be deserialized properly. Please ensure ... "
            "Exception encountered: Invalid value for `units`",
        ),
        (ValueError("Example:\n\nwrong\nmore"), "ValueError: Example: wrong"),
        (ValueError("a\x07b\u202ec"), "ValueError: a b c"),
        (ValueError("x" * 500), "ValueError: " + "x" * 400 + " ..."),
        (ValueError(), "ValueError"),
        (ValueError("Graph execution error:"), "ValueError: Graph execution error:"),
    ],
)
def test_a_reason_is_the_sentence_that_says_what_went_wrong(error, text):
    assert reason(error) == text


def test_an_error_of_a_graph_says_which_one():
    with pytest.raises(errors.UsageError) as caught, errors.naming("runs/model\x1b.meta"):
        raise errors.UsageError(errors.explain("No input found", ["'x:0'"], fix="Name it."))
    assert str(caught.value) == (
        "No input found:\n  'x:0'\nFix: Name it.\nNetwork: 'runs/model\\x1b.meta'"
    )


def test_one_that_says_it_and_one_of_somebody_else_stay_as_they_are():
    with pytest.raises(errors.UsageError) as caught, errors.naming("model.meta"):
        raise errors.UsageError("'model.meta' is empty")
    assert str(caught.value) == "'model.meta' is empty"
    with pytest.raises(KeyError, match=r"^'x'$"), errors.naming("model.meta"):
        raise KeyError("x")
