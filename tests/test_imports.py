"""The rooms look one way only, and `import slimfix` loads neither TensorFlow nor Keras."""

import ast
import pathlib
import subprocess
import sys

import pytest

PACKAGE = pathlib.Path("slimfix")

# What each room may import from slimfix, besides itself. docs/architecture.md draws it.
BASE = {"errors", "names", "__init__"}
ALLOWED = {
    "__init__": {"errors"},
    "errors": set(),
    "names": set(),
    "scopes": {"errors", "names", "__init__"},
    "progress": set(),
    "folder": BASE,
    "numpy_files": BASE,
    "layers": BASE,
    "compat": BASE,
    "checkpoint": BASE,
    "graphdef": BASE,
    "graph": BASE | {"scopes", "graphdef"},
    "training": BASE | {"scopes", "compat", "graphdef", "graph"},
    "watching": BASE | {"scopes", "graphdef", "graph", "training"},
    "restoring": BASE | {"scopes", "checkpoint", "graphdef", "graph"},
    "saving": BASE | {"scopes", "checkpoint", "graphdef", "graph", "restoring"},
    "recalibration": BASE
    | {"progress", "scopes", "compat", "checkpoint", "graphdef", "graph", "restoring", "saving"}
    | {"numpy_files"},
    "network": BASE | {"scopes", "compat", "checkpoint", "graphdef"},
    "reference": BASE | {"progress", "numpy_files", "checkpoint", "graphdef", "network"},
    "flags": BASE | {"scopes", "checkpoint"},
    "freezing": BASE | {"scopes", "graphdef", "graph"},
    "migration": BASE | {"scopes", "checkpoint", "graphdef", "network"},
    "parity": BASE
    | {"progress", "numpy_files", "checkpoint", "graphdef", "network", "migration", "reference"},
    "source": BASE | {"migration"},
    "report": BASE | {"progress", "network", "migration", "parity", "reference"},
    "environment": BASE,
    "migrating": BASE
    | {"folder", "network", "migration", "parity", "report", "source", "environment"},
    "verifying": BASE
    | {"folder", "network", "migration", "reference", "parity", "report", "layers", "environment"}
    | {"migrating"},
    "commands": BASE
    | {"progress", "checkpoint", "migrating", "report", "compat", "recalibration", "reference"},
}
# Rooms that run on Python 3.7 and TensorFlow 1.15 too.
LEGACY = {
    "__init__",
    "errors",
    "names",
    "scopes",
    "progress",
    "numpy_files",
    "compat",
    "checkpoint",
    "graphdef",
    "graph",
    "training",
    "watching",
    "saving",
    "restoring",
    "recalibration",
    "flags",
    "freezing",
    "network",
    "reference",
    "commands",
}


def room_of(path):
    """'slimfix/saving/saver.py' lies in the room 'saving', 'slimfix/errors.py' in 'errors'."""
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else parts[0][: -len(".py")]


def imported_rooms(tree):
    """The rooms of slimfix that a module imports anywhere, inside functions too."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "slimfix":
                known = len(parts) > 1 and parts[1] in ALLOWED
                found.add(parts[1] if known else "__init__")
    return found


def broken_rules(path, tree):
    room = room_of(path)
    return sorted(imported_rooms(tree) - ALLOWED[room] - {room})


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def test_every_module_lies_in_a_room():
    assert {room_of(path) for path in modules()} == set(ALLOWED)


@pytest.mark.parametrize("path", modules(), ids=str)
def test_imports_run_one_way(path):
    assert broken_rules(path, ast.parse(path.read_text())) == []


@pytest.mark.parametrize(
    "source",
    [
        "from slimfix.migration import convert",
        "from slimfix import migration",
        "import slimfix.migration.build",
        "def f():\n    from slimfix.migration.build import Probe",
    ],
)
def test_the_rule_can_fail(source):
    assert broken_rules(PACKAGE / "graph" / "new.py", ast.parse(source)) == ["migration"]


@pytest.mark.parametrize("path", [p for p in modules() if room_of(p) in LEGACY], ids=str)
def test_the_legacy_half_is_python_3_7(path):
    ast.parse(path.read_text(), feature_version=(3, 7))


def test_the_python_3_7_rule_can_fail():
    with pytest.raises(SyntaxError):
        ast.parse("if (n := 3): pass", feature_version=(3, 7))


@pytest.mark.parametrize("path", [p for p in modules() if room_of(p) != "compat"], ids=str)
def test_private_tensorflow_is_for_compat_alone(path):
    assert private_imports(ast.parse(path.read_text())) == []


def test_the_private_import_rule_can_fail():
    tree = ast.parse("from tensorflow.python.framework import ops")
    assert private_imports(tree) == ["tensorflow.python.framework"]


def private_imports(tree):
    modules_named = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    modules_named += [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    return [name for name in modules_named if name.startswith(("tensorflow.python", "keras.src"))]


# A session hook must be a subclass of TensorFlow's, a layer one of Keras's; these modules load when
# their names are first used.
LOADS_ON_FIRST_USE = {PACKAGE / "watching" / "hook.py", PACKAGE / "layers" / "batch_norm.py"}


def heavy_at_the_top(tree):
    """The heavy packages that a module imports when it is itself imported."""
    found = []
    for node in tree.body:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append(node.module or "")
    return [name for name in found if name.partition(".")[0] in HEAVY]


@pytest.mark.parametrize("path", modules(), ids=str)
def test_tensorflow_is_imported_where_it_is_needed(path):
    loads = bool(heavy_at_the_top(ast.parse(path.read_text())))
    assert loads == (path in LOADS_ON_FIRST_USE)


def test_the_rule_of_late_imports_can_fail():
    tree = ast.parse("import keras\nfrom tensorflow.compat import v1\ndef f():\n    import tf_slim")
    assert heavy_at_the_top(tree) == ["keras", "tensorflow.compat"]


HEAVY = ("tensorflow", "keras", "tf_keras", "tf_slim")


@pytest.mark.parametrize(
    "program",
    [
        "import slimfix; dir(slimfix)",
        "from slimfix.commands.main import main; main(['--help']); main(['migrate', '--help'])",
        "from slimfix.commands.main import main; main(['recalibrate', '--help'])",
        "from slimfix.commands.main import main; main(['record', '--help'])",
    ],
)
def test_cheap_things_load_nothing_heavy(program):
    check = f"import sys; print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\n{check}"], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"
