"""The judge of tf-slim's own tests: each way in which a run can go wrong is found."""

import json

import pytest

from tests.upstream import run

VERSIONS = {"python": "3.11.7", "tensorflow": "2.21.0", "numpy": "2.4.6", "tf_slim": "1.1.0"}
REFERENCE = {
    "shipped": {
        "a_test.py": {"passed": 2, "failed": 1, "skipped": 0},
        "b_test.py": {"passed": 1, "failed": 0, "skipped": 1},
    },
    "failed": ["a_test.py::A::random"],
    "skipped": ["b_test.py::B::session"],
}
LISTED = "a_test.py::A::two"


def result(**changes):
    """A run with nothing wrong, but for the changes: 'A__one' is the test A::one."""
    tests = {"A::one": "passed", "A::two": "failed", "A::random": "failed"}
    others = {"B::one": "passed", "B::session": "skipped"}
    for name, outcome in changes.items():
        name = name.replace("__", "::")
        (tests if name.startswith("A") else others)[name] = outcome
    modules = {"a_test.py": tests, "b_test.py": others}
    return {"versions": VERSIONS, "modules": modules}


def faults(found, expected=(LISTED,)):
    return run.find_faults(found, REFERENCE, dict.fromkeys(expected, "a reason"))


def test_nothing_wrong():
    assert faults(result()) == []


def test_what_fails_on_tensorflow_1_may_pass_or_fail():
    assert faults(result(A__random="passed")) == []


@pytest.mark.parametrize("outcome", ["failed", "skipped"])
def test_a_test_that_passes_on_tensorflow_1_must_pass(outcome):
    wanted = ["passes on TensorFlow 1.15.5, not here: a_test.py::A::one"]
    assert faults(result(A__one=outcome)) == wanted


def test_a_stale_entry_is_found():
    assert faults(result(A__two="passed")) == ["is on the list, but passes: " + LISTED]


def test_an_entry_for_no_test_is_found():
    wanted = ["is on the list, but there is no such test: a_test.py::A::gone"]
    assert faults(result(), (LISTED, "a_test.py::A::gone")) == wanted


def test_a_test_that_was_not_collected_is_found():
    found = result()
    del found["modules"]["b_test.py"]["B::one"]
    assert faults(found) == ["other tests than on TensorFlow 1.15.5: b_test.py"]
    found["modules"]["b_test.py"] = {}
    assert faults(found) == ["other tests than on TensorFlow 1.15.5: b_test.py"]


def test_a_module_that_was_not_collected_fails_the_run():
    found = result()
    found["modules"]["b_test.py"] = {"(collection)": "failed"}
    assert len(faults(found)) == 2


@pytest.mark.parametrize(
    "since, holds",
    [
        ({"numpy": "2.0"}, True),
        ({"numpy": "2.5"}, False),
        ({"numpy": "2.0", "tensorflow": "2.22"}, False),
        ({"tensorflow": "2.9"}, True),
        ({"python": "3.11"}, True),
    ],
)
def test_an_entry_holds_from_a_release_on(since, holds):
    entry = {"test": LISTED, "since": since, "reason": "a reason"}
    assert run.expected_here([entry], VERSIONS) == ({LISTED: "a reason"} if holds else {})


def test_the_exit_status(capsys):
    listed = [{"test": LISTED, "since": {"numpy": "2.0"}, "reason": "a reason"}]
    shipped = result(A__one="failed")
    assert run.judge({"shipped": shipped, "slimfix": result()}, REFERENCE, listed) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[1].split() == ["a_test.py", "0", "1", "2"]
    assert printed[3].split() == ["all", "1", "2", "3"]
    assert f"  on the list: {LISTED}" in printed
    broken = {"shipped": shipped, "slimfix": result(A__one="failed")}
    assert run.judge(broken, REFERENCE, listed) == 1
    assert "WRONG: passes on TensorFlow 1.15.5, not here: a_test.py::A::one" in (
        capsys.readouterr().out
    )


# What is committed.


def test_the_list_names_tests_that_pass_on_tensorflow_1():
    reference = json.loads(run.REFERENCE.read_text())
    listed = [entry["test"] for entry in json.loads(run.EXPECTED_FAILURES.read_text())]
    assert len(set(listed)) == len(listed)
    assert not set(listed) & {*reference["failed"], *reference["skipped"]}
    assert {test.split("::")[0] for test in listed} <= set(reference["shipped"])


def test_the_reference_is_tensorflow_1_with_all_35_modules():
    reference = json.loads(run.REFERENCE.read_text())
    assert reference["versions"]["tensorflow"] == "1.15.5"
    assert len(reference["shipped"]) == 35
    assert all(counts["passed"] for counts in reference["shipped"].values())


RECORDED = sorted(path for path in run.REFERENCE.parent.glob("*.json") if path != run.REFERENCE)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_what_was_recorded_holds_no_failure_off_the_list(path):
    found = json.loads(path.read_text())
    reference = json.loads(run.REFERENCE.read_text())
    listed = run.expected_here(json.loads(run.EXPECTED_FAILURES.read_text()), found["versions"])
    assert set(found["failed"]) - set(reference["failed"]) == set(listed)
    assert set(found["skipped"]) == set(reference["skipped"])


def test_the_guide_shows_what_was_recorded():
    guide = (run.HERE.parent.parent / "docs" / "tf-slim.md").read_text()
    for line in [*run.summary_lines(), *run.listed_lines()]:
        assert line in guide.splitlines()


def test_a_sample_is_judged_by_itself():
    expected = [{"test": LISTED, "since": {}, "reason": "a reason"}]
    found = result()
    found["modules"]["b_test.py"] = {}  # It did not run.
    results, reference, listed = run.restrict_to(
        ["a_test.py"], {"slimfix": found}, REFERENCE, expected
    )
    assert run.find_faults(results["slimfix"], reference, {e["test"]: "" for e in listed}) == []
    results, reference, listed = run.restrict_to(
        ["b_test.py"], {"slimfix": found}, REFERENCE, expected
    )
    assert listed == []
    wanted = ["other tests than on TensorFlow 1.15.5: b_test.py"]
    assert run.find_faults(results["slimfix"], reference, {}) == wanted
