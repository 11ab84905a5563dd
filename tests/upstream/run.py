"""Runs the tests that tf-slim ships, and compares them by name with TensorFlow 1.15.5.

    python -m tests.upstream.run             # as shipped and with slimfix, side by side
    python -m tests.upstream.run --record    # and writes recorded/tensorflow-<version>.json
    python -m tests.upstream.run --sample=9 --seed=abc  # nine of the test modules

On TensorFlow 1.15 it runs them as shipped only, and with --record it makes the file that all others
are held against. Exit status 1: a test that passes on TensorFlow 1.15.5 does not pass with slimfix
and is not on the list (`expected_failures.json`), or one on the list passes.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from tests import sampling

HERE = pathlib.Path(__file__).resolve().parent
REFERENCE = HERE / "recorded" / "tensorflow-1.15.5.json"
PACKAGES = {"tensorflow": "TensorFlow", "numpy": "NumPy", "python": "Python", "tf_slim": "tf-slim"}
EXPECTED_FAILURES = HERE / "expected_failures.json"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--record", action="store_true", help="write recorded/tensorflow-*.json")
    parser.add_argument(
        "--disable-v2-behavior",
        action="store_true",
        help="call tf.disable_v2_behavior() first; the tests themselves only leave eager mode",
    )
    parser.add_argument(
        "--without-stand-ins",
        action="store_true",
        help="leave the test modules without what stand_ins.py gives them",
    )
    parser.add_argument("--output", default="build/slim-tests", help="folder for logs and results")
    sampling.add_flags(parser, "test modules")
    options = parser.parse_args()
    folder = pathlib.Path(options.output).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    modes = ["shipped"] if is_tensorflow_1() else ["shipped", "slimfix"]
    results = run_side_by_side(modes, folder, options)
    if options.record:
        record(results)
    if modes == ["shipped"]:
        print(json.dumps(counts_of(results["shipped"]), indent=1))
        return 0
    reference = json.loads(REFERENCE.read_text())
    expected = json.loads(EXPECTED_FAILURES.read_text())
    if options.sample is not None:
        chosen = choose_modules(find_slim(), options)
        results, reference, expected = restrict_to(chosen, results, reference, expected)
    return judge(results, reference, expected)


def restrict_to(modules, results, reference, expected):
    """Returns results, reference and list of expected failures as if there were these modules."""
    results = {
        mode: {**found, "modules": {m: found["modules"].get(m, {}) for m in modules}}
        for mode, found in results.items()
    }
    shipped = {module: c for module, c in reference["shipped"].items() if module in modules}
    listed = [entry for entry in expected if entry["test"].partition("::")[0] in modules]
    return results, {**reference, "shipped": shipped}, listed


def is_tensorflow_1():
    return sys.version_info < (3, 8)


def run_side_by_side(modes, folder, options):
    """Returns {mode: what the plugin wrote}; one process for each mode, at the same time."""
    started = {mode: start(mode, folder, options) for mode in modes}
    results = {}
    for mode, (process, path) in started.items():
        status = process.wait()
        if status not in (0, 1, 2) or not path.exists():
            raise SystemExit(f"pytest ended with status {status}: see {folder}/{mode}.log")
        results[mode] = json.loads(path.read_text())
    return results


def start(mode, folder, options):
    path = folder / (mode + ".json")
    if path.exists():
        path.unlink()
    slim = find_slim()
    environment = dict(
        os.environ,
        SLIM_TESTS_MODE=mode,
        SLIM_TESTS_RESULTS=str(path),
        SLIM_TESTS_V1="1" if options.disable_v2_behavior else "",
        SLIM_TESTS_STAND_INS="" if options.without_stand_ins else "1",
        TF_CPP_MIN_LOG_LEVEL="3",
        PYTHONPATH=os.pathsep.join([str(HERE.parent.parent), os.environ.get("PYTHONPATH", "")]),
    )
    command = [sys.executable, "-m", "pytest", "-p", "tests.upstream.plugin"]
    command += ["-c", str(HERE / "upstream.ini"), "--rootdir", str(slim)]
    command += ["--continue-on-collection-errors"]
    command += [str(slim / module) for module in choose_modules(slim, options)]
    with open(str(folder / (mode + ".log")), "w") as log:
        # The tests leave checkpoints and event files behind, some of them in the current folder.
        process = subprocess.Popen(
            command, cwd=tempfile.mkdtemp(), env=environment, stdout=log, stderr=log
        )
    return process, path


def find_slim():
    import importlib.util

    return pathlib.Path(importlib.util.find_spec("tf_slim").origin).parent


def choose_modules(slim, options):
    """Returns the test modules below tf-slim's folder, or a sample of them: 'layers/a_test.py'."""
    modules = sorted(path.relative_to(slim).as_posix() for path in slim.rglob("*_test.py"))
    return sampling.choose(modules, options)


# What a run is worth.


def names_of(result, outcome):
    """Returns the tests with an outcome, 'module::class::test', sorted."""
    return sorted(
        module + "::" + test
        for module, tests in result["modules"].items()
        for test, found in tests.items()
        if found == outcome
    )


def counts_of(result):
    """Returns {module: {"passed": 3, "failed": 0, "skipped": 1}}."""
    return {
        module: {
            outcome: sum(found == outcome for found in tests.values())
            for outcome in ("passed", "failed", "skipped")
        }
        for module, tests in result["modules"].items()
    }


def passing_on_reference(result, reference):
    """Returns the names in a run of the tests that pass on TensorFlow 1.15.5."""
    others = set(reference["failed"]) | set(reference["skipped"])
    names = {module + "::" + test for module, tests in result["modules"].items() for test in tests}
    return names - others


def find_uncollected(result, reference):
    """Returns the modules in which not as many tests were found as on TensorFlow 1.15.5."""
    found, wanted = counts_of(result), reference["shipped"]
    return sorted(
        module
        for module in set(found) | set(wanted)
        if sum(found.get(module, {}).values()) != sum(wanted.get(module, {}).values())
    )


def expected_here(expected, versions):
    """Returns {test: reason} of the list, as far as it holds for the installed packages."""
    return {
        entry["test"]: entry["reason"]
        for entry in expected
        if all(
            as_numbers(versions[name]) >= as_numbers(since)
            for name, since in entry["since"].items()
        )
    }


def as_numbers(version):
    return [int(part) for part in version.split(".")[:2]]


def find_faults(result, reference, expected):
    """Returns lines of text: what makes the run fail."""
    passed = set(names_of(result, "passed"))
    broken = passing_on_reference(result, reference) - passed
    return (
        ["other tests than on TensorFlow 1.15.5: " + m for m in find_uncollected(result, reference)]
        + ["passes on TensorFlow 1.15.5, not here: " + t for t in sorted(broken - set(expected))]
        + ["is on the list, but passes: " + test for test in sorted(set(expected) & passed)]
        + [
            "is on the list, but there is no such test: " + test
            for test in sorted(set(expected) - broken - passed)
        ]
    )


def judge(results, reference, expected):
    """Prints the table and what is wrong; returns the exit status."""
    versions = results["slimfix"]["versions"]
    expected = expected_here(expected, versions)
    print(table(counts_of(results["shipped"]), counts_of(results["slimfix"]), reference))
    found = [f"{name} {versions[key]}" for key, name in PACKAGES.items()]
    print("\n" + ", ".join(found))
    for test, reason in sorted(expected.items()):
        print(f"  on the list: {test}\n    {reason}")
    faults = find_faults(results["slimfix"], reference, expected)
    for fault in faults:
        print("WRONG: " + fault)
    print("FAILED" if faults else "All that passes on TensorFlow 1.15.5 passes, but for the list.")
    return 1 if faults else 0


def table(shipped, mended, reference):
    """Returns the three columns, a line for each module."""
    columns = [shipped, mended, reference["shipped"]]
    rows = [
        [module] + [counts.get(module, {}).get("passed", 0) for counts in columns]
        for module in sorted(mended)
    ]
    rows.append(["all"] + [sum(column) for column in list(zip(*rows))[1:]])
    rows.insert(0, ["passed", "as shipped", "with slimfix", "TensorFlow 1.15.5"])
    return "\n".join(f"{a:<36} {b:>12} {c:>14} {d:>19}" for a, b, c, d in rows)


def record(results):
    """Writes what a run found: counts for each module, and the names of what did not pass."""
    last = results.get("slimfix", results["shipped"])
    found = {
        "versions": last["versions"],
        "shipped": counts_of(results["shipped"]),
        "failed": names_of(last, "failed"),
        "skipped": names_of(last, "skipped"),
    }
    if "slimfix" in results:
        found["slimfix"] = counts_of(results["slimfix"])
    path = HERE / "recorded" / f"tensorflow-{last['versions']['tensorflow']}.json"
    path.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


def summary_lines():
    """Returns the rows of the table in docs/tf-slim.md: one for each recorded TensorFlow."""
    rows = []
    for path in (HERE / "recorded").glob("*.json"):
        found = json.loads(path.read_text())
        versions = found["versions"]
        shipped, mended = found["shipped"], found.get("slimfix", found["shipped"])
        cells = [versions[name] for name in ("tensorflow", "numpy", "python")]
        cells += [str(total_passed(shipped)), str(total_passed(mended))]
        rows.append((as_numbers(versions["tensorflow"]), "| " + " | ".join(cells) + " |"))
    return [row for _, row in sorted(rows)]


def listed_lines():
    """Returns the rows of the list in docs/tf-slim.md: one for each test that may fail."""
    rows = []
    for entry in json.loads(EXPECTED_FAILURES.read_text()):
        module, _, test = entry["test"].partition("::")
        since = " and ".join(f"{PACKAGES[name]} {since}" for name, since in entry["since"].items())
        rows.append(f"| `{module}` `{test.replace('::', '.')}` | {since} | {entry['reason']} |")
    return rows


def total_passed(counts):
    return sum(module["passed"] for module in counts.values())


if __name__ == "__main__":
    sys.exit(main())
