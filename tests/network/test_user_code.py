"""What users' modules and functions raise becomes one clear error; Ctrl-C stays Ctrl-C."""

import sys

import pytest

from slimfix.errors import UsageError
from slimfix.network.user_code import import_user_module, users_code


class Own(BaseException):
    """Of a user's."""


class Mute(Exception):
    """Cannot say what it is."""

    def __str__(self):
        raise ValueError("no text")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (SystemExit(3), "SystemExit: 3"),
        (GeneratorExit(), "GeneratorExit"),
        (Own("of my own"), "Own: of my own"),
        (Mute(), "Mute"),
        (StopIteration(), "StopIteration"),
        (ValueError("two\nlines"), "ValueError: two"),
        (KeyError("\x1b[31mred"), "KeyError: '\\x1b[31mred'"),
    ],
)
def test_whatever_is_raised_is_a_usage_error(error, text):
    with pytest.raises(UsageError) as caught, users_code("package:network fails"):
        raise error
    assert str(caught.value) == f"package:network fails:\n  {text}"
    assert caught.value.__cause__ is error


def test_ctrl_c_goes_through():
    with pytest.raises(KeyboardInterrupt), users_code("package:network fails"):
        raise KeyboardInterrupt


def test_what_raises_nothing_goes_on():
    with users_code("package:network fails"):
        done = True
    assert done


@pytest.mark.parametrize("text", ["import sys; sys.exit(4)", "def f(:", "raise GeneratorExit"])
def test_a_module_that_cannot_be_imported_is_refused(tmp_path, monkeypatch, text):
    (tmp_path / "module_of_a_user.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UsageError) as caught:
        import_user_module("module_of_a_user", "op_converters")
    assert "Cannot import module 'module_of_a_user', which op_converters names" in str(caught.value)
    assert "module_of_a_user" not in sys.modules
