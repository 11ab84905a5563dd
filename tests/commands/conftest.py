"""Command lines, run in the process of the test."""

import pytest

from slimfix.commands.main import main


@pytest.fixture
def slimfix(capfd):
    """Runs a command line; gives its exit code, its output and its error output."""

    def run(*arguments):
        code = main(list(arguments))
        out, err = capfd.readouterr()
        return code, out, err

    return run
