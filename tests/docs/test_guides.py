"""Every Python block of a guide runs: the blocks of one page, joined, are one program.

Blocks marked ```python keras need Keras 3 and an eager process, and are a program of their own.
"""

import importlib.util
import os
import pathlib
import re
import subprocess
import sys

import pytest

NAMES = ["train", "watch", "save", "restore", "fine-tune", "repair", "flags", "migrate"]
NAMES += ["record", "verify", "security"]
GUIDES = sorted(pathlib.Path("docs").glob("*.md"))
BLOCK = re.compile(r"^```(python|python keras)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def programs(page):
    """Returns the programs of a page: (kind, source), each kind at most once."""
    found = {}
    for kind, source in BLOCK.findall(page):
        found[kind] = found.get(kind, "") + source
    return sorted(found.items())


def cases():
    has_keras_3 = importlib.util.find_spec("keras") and sys.version_info >= (3, 10)
    for path in GUIDES:
        for kind, source in programs(path.read_text(encoding="utf-8")):
            if kind == "python" or has_keras_3:
                yield pytest.param(source, id=f"{path.name} {kind}")


def run(source, folder):
    paths = [os.getcwd(), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    environment = dict(
        os.environ, PYTHONPATH=os.pathsep.join(filter(None, paths)), TF_CPP_MIN_LOG_LEVEL="3"
    )
    return subprocess.run(
        [sys.executable, "-c", source],
        cwd=str(folder),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("source", list(cases()))
def test_the_page_runs(source, tmp_path):
    done = run(source, tmp_path)
    assert done.returncode == 0, done.stdout[-3000:]


def test_the_guides_are_there():
    wanted = {f"{name}.md" for name in NAMES}
    assert wanted <= {path.name for path in GUIDES}
    for path in GUIDES:
        if path.name in wanted:
            assert programs(path.read_text(encoding="utf-8")), path


def test_a_wrong_page_fails(tmp_path):
    page = "```python\nvalue = 1\n```\ntext\n```python\nassert value == 2\n```\n"
    ((_, source),) = programs(page)
    done = run(source, tmp_path)
    assert done.returncode == 1
    assert "AssertionError" in done.stdout
