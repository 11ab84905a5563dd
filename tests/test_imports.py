"""The rooms look one way only, and `import slimfix` loads neither TensorFlow nor Keras."""

import ast
import pathlib
import subprocess
import sys

import graphlib
import pytest

PACKAGE = pathlib.Path("slimfix")

# What each room may import from slimfix, besides itself. docs/architecture.md draws it.
BASE = {"errors", "names", "dtypes", "paths", "__init__"}
ALLOWED = {
    "__init__": {"errors"},
    "__main__": {"commands"},
    "errors": set(),
    "names": set(),
    "dtypes": set(),
    "paths": {"errors", "__init__"},
    "scopes": {"errors", "names", "__init__"},
    "progress": set(),
    "running": BASE | {"graphdef"},
    "writing": BASE,
    "numpy_files": BASE,
    "layers": BASE,
    "compat": BASE,
    "checkpoint": BASE | {"writing"},
    "graphdef": BASE,
    "graph": BASE | {"scopes", "graphdef"},
    "training": BASE | {"scopes", "compat", "graphdef", "graph"},
    "watching": BASE | {"scopes", "graphdef", "graph", "training"},
    "restoring": BASE | {"scopes", "checkpoint", "graphdef", "graph"},
    "saving": BASE | {"scopes", "checkpoint", "graphdef", "graph", "restoring", "writing"},
    "recalibration": BASE
    | {"progress", "running", "numpy_files", "scopes", "compat", "checkpoint", "graphdef"}
    | {"graph", "restoring", "saving"},
    "network": BASE | {"scopes", "compat", "checkpoint", "graphdef"},
    "reference": BASE
    | {"progress", "running", "numpy_files", "checkpoint", "graphdef", "network", "writing"},
    "flags": BASE | {"scopes", "checkpoint"},
    "freezing": BASE | {"scopes", "graphdef", "graph"},
    "migration": BASE | {"running", "scopes", "checkpoint", "graphdef", "network"},
    "parity": BASE
    | {"progress", "numpy_files", "checkpoint", "graphdef", "network", "migration", "reference"},
    "source": BASE | {"migration"},
    "report": BASE | {"progress", "network", "migration", "parity", "reference"},
    "environment": BASE,
    "migrating": BASE
    | {"writing", "network", "migration", "parity", "report", "source", "environment"},
    "verifying": BASE
    | {"writing", "network", "migration", "reference", "parity", "report", "layers", "environment"}
    | {"migrating"},
    "commands": BASE
    | {"progress", "checkpoint", "migrating", "report", "compat", "recalibration", "reference"}
    | {"writing"},
}
# Rooms that run on Python 3.7 and TensorFlow 1.15 too.
LEGACY = {
    "__init__",
    "__main__",
    "errors",
    "names",
    "dtypes",
    "scopes",
    "paths",
    "progress",
    "running",
    "writing",
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


def imported_names(tree):
    """What a module imports anywhere, inside functions too: 'slimfix.errors.explain'."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute, or no rule here would see them"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_rooms(tree):
    found = set()
    for name in imported_names(tree):
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


def test_every_folder_is_a_package_for_a_wheel_takes_no_other():
    folders = {path.parent for path in modules()}
    assert [str(f) for f in sorted(folders) if not (f / "__init__.py").is_file()] == []


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


def find_circle(sources):
    """Modules that import one another in a circle, by `sources`: text by module name; or []."""
    known = set(sources)
    imports = {}
    for module, text in sources.items():
        found = set()
        for name in imported_names(ast.parse(text)):
            while name and name not in known:
                name = name.rpartition(".")[0]
            found.add(name)
        imports[module] = found - {module, ""}
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def module_name(path):
    return ".".join(path.with_suffix("").parts).replace(".__init__", "")


def test_no_modules_import_one_another_in_a_circle():
    assert find_circle({module_name(path): path.read_text() for path in modules()}) == []


@pytest.mark.parametrize(
    "back",
    [
        "import slimfix.a.one",
        "from slimfix.a import one",
        "from slimfix.a.one import thing",
        "def f():\n    from slimfix.a.one import thing",
        "if TYPE_CHECKING:\n    from slimfix.a import one",
    ],
)
def test_the_rule_of_circles_can_fail(back):
    sources = {
        "slimfix": "",
        "slimfix.a": "",
        "slimfix.a.one": "from slimfix.b import two",
        "slimfix.b": "from slimfix import names",
        "slimfix.b.two": "from slimfix.b.three import thing",
        "slimfix.b.three": "",
    }
    assert find_circle(sources) == []
    circle = find_circle({**sources, "slimfix.b.three": back})
    assert set(circle) == {"slimfix.a.one", "slimfix.b.two", "slimfix.b.three"}


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
def test_what_is_heavy_is_imported_where_it_is_needed(path):
    loads = bool(heavy_at_the_top(ast.parse(path.read_text())))
    assert loads == (path in LOADS_ON_FIRST_USE)


def test_the_rule_of_late_imports_can_fail():
    tree = ast.parse("import keras\nfrom tensorflow.compat import v1\ndef f():\n    import tf_slim")
    assert heavy_at_the_top(tree) == ["keras", "tensorflow.compat"]


HEAVY = ("tensorflow", "keras", "tf_keras", "tf_slim", "jinja2", "markupsafe")


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
