"""migration.json: every key is documented, and what it says of variables and files is so."""

import hashlib
import json
import pathlib
import re

import pytest

from slimfix.migrating import migrate


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    output = tmp_path_factory.mktemp("migration") / "out"
    migrate("tests/golden/digits/good/model.ckpt", output)
    return output


@pytest.fixture(scope="module")
def document(folder):
    return json.loads((folder / "migration.json").read_text())


def keys(value, path=""):
    """Every key of a document, e.g. 'source.meta' and 'variables[].shape'."""
    if isinstance(value, dict):
        for key, inner in value.items():
            own = f"{path}.{key}" if path else key
            yield own
            yield from keys(inner, own)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner, f"{path}[]")


def test_every_key_is_documented(document):
    free = ("sha256.", "versions.", "source.switches.")
    found = {key for key in keys(document) if not key.startswith(free)}
    page = pathlib.Path("docs/migration-json.md").read_text()
    documented = set()
    for line in page.splitlines():
        if line.startswith("| `"):
            documented.update(re.findall(r"`([^`]+)`", line.split("|")[1]))
    holders = {key for key in found if any(o.startswith((f"{key}.", f"{key}[]")) for o in found)}
    assert found - holders == documented


def test_counts_are_those_of_the_lists(document):
    counts = document["counts"]
    assert counts["variables"] == len(document["variables"])
    assert counts["weights"] == len(document["weights"])
    fates = [variable["fate"].replace(" ", "_") for variable in document["variables"]]
    rest = {k: n for k, n in counts.items() if k not in ("variables", "weights")}
    assert rest == {fate: fates.count(fate) for fate in rest}
    assert sum(rest.values()) == counts["variables"]


def test_variables_and_weights_name_each_other(document):
    sources = {weight["weight"]: weight["variable"] for weight in document["weights"]}
    for variable in document["variables"]:
        for weight in variable["weights"]:
            assert sources.pop(weight) == variable["variable"]
    assert sources == {}


def test_what_went_in_and_where_it_is(document):
    assert document["inputs"] == [
        {"input": "images", "tensor": "images:0", "shape": [None, 8, 8, 1], "dtype": "float32"}
    ]
    assert document["outputs"] == ["digits/logits/BiasAdd:0"]
    assert document["source"]["switches"] == {"is_training:0": False}
    assert document["layers"][1] == {
        "layer": "digits__conv1__BatchNorm",
        "kind": "BatchNormalization",
        "scope": "digits/conv1/BatchNorm",
        "tensor": "digits/conv1/BatchNorm/cond/FusedBatchNormV3_1:0",
        "call": 0,
        "output": 0,
    }


def test_the_sums_are_those_of_the_files(folder, document):
    files = {"model.keras", "model.weights.h5", "model.py"}
    assert files == set(document["sha256"])
    for name in files:
        assert document["sha256"][name] == hashlib.sha256((folder / name).read_bytes()).hexdigest()
    assert {"keras", "tensorflow", "slimfix"} <= set(document["versions"])
