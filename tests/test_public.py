"""The public names, on the Python that runs the tests."""

import sys

import pytest

import slimfix
from slimfix.errors import UnsupportedEnvironmentError

HAS_KERAS_3 = sys.version_info >= (3, 10)


def test_every_public_name_loads():
    for name in slimfix.__all__:
        assert getattr(slimfix, name) is not None
    assert ("migrate" in slimfix.__all__) == HAS_KERAS_3
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        slimfix.nothing  # noqa: B018


def test_what_needs_keras_3_says_so(monkeypatch):
    monkeypatch.setattr(slimfix, "_HAS_KERAS_3", False)
    monkeypatch.delitem(vars(slimfix), "migrate", raising=False)
    with pytest.raises(UnsupportedEnvironmentError) as error:
        slimfix.migrate  # noqa: B018
    assert str(error.value).startswith("slimfix.migrate needs Keras 3, which this Python 3.")
    assert "Fix: copy the checkpoint and its .meta" in str(error.value)
