"""The pytest plugin under which tf-slim's own tests run; `run.py` starts pytest with it.

It changes no test. The environment says what the tests find:
  SLIM_TESTS_MODE: shipped, tf-slim as it is; slimfix, tf-slim mended by slimfix.
  SLIM_TESTS_STAND_INS: if not empty, in mode slimfix, what `stand_ins.py` gives the test modules.
  SLIM_TESTS_V1: if not empty, `tf.disable_v2_behavior()`.
  SLIM_TESTS_RESULTS: the JSON file for the outcome of every test.

Either mode has `nose.tools.nottest`, which one test module imports to mark a function: nose needs a
Python before 3.10, and has no part in what is tested.
"""

import importlib.util
import json
import os
import pathlib
import sys
import types

MODE = os.environ["SLIM_TESTS_MODE"]
RESULTS = os.environ["SLIM_TESTS_RESULTS"]

_WORST_LAST = ("passed", "skipped", "failed")
_outcomes = {}


def pytest_configure(config):
    if importlib.util.find_spec("nose") is None:
        _stand_in_for_nose()
    if os.environ.get("SLIM_TESTS_V1"):
        import tensorflow.compat.v1 as tf

        tf.disable_v2_behavior()
    if MODE == "slimfix":
        import slimfix

        slimfix.enable_slim()


def _stand_in_for_nose():
    def nottest(function):
        function.__test__ = False
        return function

    nose, tools = types.ModuleType("nose"), types.ModuleType("nose.tools")
    nose.tools, tools.nottest = tools, nottest
    sys.modules.update({"nose": nose, "nose.tools": tools})


def pytest_collection_modifyitems(items):
    if MODE == "slimfix" and os.environ.get("SLIM_TESTS_STAND_INS"):
        from tests.upstream import stand_ins

        for module in {item.module for item in items}:
            stand_ins.apply_stand_ins(module)


def pytest_collectreport(report):
    if report.failed:
        _keep(report.nodeid + "::(collection)", "failed")


def pytest_runtest_logreport(report):
    _keep(report.nodeid, report.outcome)


def _keep(nodeid, outcome):
    """Keeps the worst outcome of a test's setup, call and teardown."""
    known = _outcomes.get(nodeid, "passed")
    _outcomes[nodeid] = max(known, outcome, key=_WORST_LAST.index)


def pytest_sessionfinish(session):
    import numpy
    import tensorflow
    import tf_slim

    root = pathlib.Path(tf_slim.__file__).parent
    modules = {}
    for path in root.rglob("*_test.py"):
        modules[path.relative_to(root).as_posix()] = {}
    for nodeid, outcome in _outcomes.items():
        module, _, test = nodeid.partition("::")
        modules[module.split("tf_slim/")[-1]][test] = outcome
    found = {
        "versions": {
            "python": ".".join(map(str, sys.version_info[:3])),
            "tensorflow": tensorflow.__version__,
            "numpy": numpy.__version__,
            "tf_slim": "1.1.0",
        },
        "modules": modules,
    }
    pathlib.Path(RESULTS).write_text(json.dumps(found, indent=1, sort_keys=True))
