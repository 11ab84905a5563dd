"""A name that somebody made for it cannot become code, nor move a terminal that shows model.py."""

import ast

import pytest

from slimfix.migration.records import InputRecord
from slimfix.source import About, format_source
from slimfix.source.literals import quoted
from tests.source.conftest import PlanMaker

NAMES = [
    'a"""\nimport os\nos.system("touch yours")\n"""',
    "block\nimport os  #",
    "block\r\nimport os",
    "x\\",
    'it\'s "quoted"\\',
    "\x1b]0;yours\x07",
    "\u202etxet",
    "\u2028import os",
    "{__import__('os')}",
    "</script><script>",
]


def source_with(name):
    """A plan with the name wherever the plan has names of a file."""
    maker = PlanMaker(InputRecord(f"{name}:0", name, (None, 6, 5, 4), "float32"))
    x = f"{name}:0"
    for block in ("unit_1", "unit_2", "unit_3"):
        scope = f"{name}/{block}"
        x = maker.layer("layers.Conv2D", f"{scope}/conv", [x], filters=4, kernel_size=(3, 3))
        x = maker.layer("layers.ReLU", f"{scope}/relu", [x])
    x = maker.layer("layers.Activation", f"{name}/end", [x], activation=name)
    return format_source(maker.plan(x), About(f"runs/{name}", name, f"{name}.h5"))


def statements(source):
    """What the source does, whatever its texts and names are."""
    tree = ast.parse(source)
    imported = [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    ]
    calls = {
        ast.unparse(node.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and not isinstance(node.func, ast.Call)
    }
    return imported, {call for call in calls if "." in call or call.startswith("_")}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stays_a_name(name):
    source = source_with(name)
    assert source.isascii()
    assert set(source) - {"\n"} <= set(map(chr, range(32, 127)))
    assert statements(source) == statements(source_with("plain"))


@pytest.mark.parametrize("name", NAMES)
def test_a_literal_is_the_name(name):
    assert ast.literal_eval(quoted(name)) == name


def test_a_name_that_got_out_would_be_seen():
    """Sabotage."""
    broken = source_with("plain").replace('"""', '"""\n"""\nimport os\nos.system("x")\n"""', 1)
    assert statements(broken) != statements(source_with("plain"))
