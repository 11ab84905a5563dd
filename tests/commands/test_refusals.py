"""What needs only paths, flags or the graph is refused before TensorFlow takes seconds to load."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from slimfix.graphdef import protos

GOOD = "tests/golden/digits/good/model.ckpt"
FUSED = "tests/golden/micro/rank4_const_inference/model.ckpt"
AVERAGES = "tests/golden/forms/moving_averages/model.ckpt"
PROGRAM = """
import contextlib, io, json, sys
from slimfix.commands.main import main
told = []
for arguments in json.load(sys.stdin):
    error = io.StringIO()
    with contextlib.redirect_stderr(error):
        code = main(arguments)
    heavy = [name for name in ("tensorflow", "keras", "tf_slim") if name in sys.modules]
    told.append([code, error.getvalue(), heavy])
print(json.dumps(told))
"""


def run(verb, *commands):
    """Runs command lines in one fresh process; gives exit code, error and what was loaded."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps([[verb, *arguments] for arguments in commands]),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    return json.loads(done.stdout)


def check(verb, cases):
    """Checks that each command line is refused with its text, and that nothing was loaded."""
    told = run(verb, *(arguments for arguments, _ in cases))
    wrong = [
        (arguments, wanted, code, error, heavy)
        for (arguments, wanted), (code, error, heavy) in zip(cases, told)
        if wanted not in error or code not in (1, 2) or heavy
    ]
    assert wrong == []


@pytest.fixture
def there(tmp_path):
    """A folder with what several cases name: `taken`, a damaged `.meta`, a lonely checkpoint."""
    (tmp_path / "taken").mkdir()
    for name in ("lonely", "damaged"):
        for end in (".index", ".data-00000-of-00001"):
            shutil.copyfile(GOOD + end, tmp_path / (name + end))
    with open(GOOD + ".meta", "rb") as file:
        (tmp_path / "damaged.meta").write_bytes(file.read()[:-1000])
    (tmp_path / "empty.pb").write_bytes(an_empty_filter().SerializeToString())
    np.savez(tmp_path / "data.npz", images=np.ones([4, 8, 8, 1], np.float32))
    np.savez(tmp_path / "other.npz", pictures=np.ones([4, 8, 8, 1], np.float32))
    return tmp_path


def an_empty_filter():
    """A GraphDef at which TensorFlow does not raise: it divides by zero, and the process ends."""
    graph_def = protos.GraphDef()
    for name, op, inputs in (
        ("x", "Placeholder", []),
        ("filter", "Const", []),
        ("conv", "Conv2D", ["x", "filter"]),
    ):
        node = graph_def.node.add(name=name, op=op, input=inputs)
        node.attr["T" if inputs else "dtype"].type = 1
    placeholder, constant, convolution = graph_def.node
    for size in (-1, 4, 4, 6):
        placeholder.attr["shape"].shape.dim.add(size=size)
    constant.attr["value"].tensor.dtype = 1
    for size in (1, 1, 0, 6):
        constant.attr["value"].tensor.tensor_shape.dim.add(size=size)
    convolution.attr["strides"].list.i.extend([1, 1, 1, 1])
    convolution.attr["padding"].s = b"SAME"
    return graph_def


def of_the_source(there):
    """Cases of every verb that reads a network."""
    return [
        (["--checkpoint=nowhere/model"], "No checkpoint at prefix 'nowhere/model'"),
        ([f"--checkpoint={GOOD}.index"], "names one file of a checkpoint, not its prefix"),
        ([f"--checkpoint={there}/lonely"], "No graph file at"),
        ([f"--checkpoint={there}/damaged"], "damaged.meta' is not a MetaGraphDef"),
        ([f"--checkpoint={GOOD}", "--frozen_graph=x.pb"], "given to read a network from"),
        (["--frozen_graph=nowhere.pb"], "No frozen graph at 'nowhere.pb'"),
        ([f"--frozen_graph={there}/empty.pb"], "Conv2D 'conv': [1, 1, 0, 6]"),
        ([f"--saved_model={there}"], "No SavedModel in folder"),
        ([f"--checkpoint={GOOD}", "--network=module"], "network is 'module'; want"),
        ([f"--checkpoint={GOOD}", "--inputs=pictures"], "The graph has no tensor 'pictures'"),
        ([f"--checkpoint={GOOD}", "--outputs=lgits"], "The graph has no tensor 'lgits'"),
        ([f"--checkpoint={GOOD}", "--inputs=is_training"], "1 input would be a switch"),
        ([f"--checkpoint={GOOD}", "--outputs=total_loss"], "depend on 1 source that no input"),
        ([f"--checkpoint={AVERAGES}"], "--values=shadow"),
        (
            [f"--checkpoint={FUSED}", f"--meta={GOOD}.meta"],
            "19 of 19 variables that the network reads are not in",
        ),
    ]


def with_flags(cases, *flags):
    return [([*arguments, *flags], wanted) for arguments, wanted in cases]


needs_keras_3 = pytest.mark.skipif(sys.version_info < (3, 10), reason="the verb needs Keras 3")


@needs_keras_3
def test_migrate(there):
    cases = [
        ([f"--checkpoint={GOOD}"], "--output_dir missing"),
        ([f"--checkpoint={GOOD}", f"--output_dir={there}/taken"], "taken' exists"),
        *with_flags(
            [
                *of_the_source(there),
                ([f"--checkpoint={GOOD}", "--recording=nowhere.npz"], "nowhere.npz"),
                ([f"--checkpoint={GOOD}", "--op_converters=no_such_module"], "no_such_module"),
            ],
            f"--output_dir={there}/new",
        ),
    ]
    check("migrate", cases)


@needs_keras_3
def test_verify(there):
    (there / "model.keras").write_bytes(b"not looked at")
    cases = [
        ([f"--checkpoint={GOOD}"], "--model missing"),
        ([f"--checkpoint={GOOD}", "--model=nowhere.keras"], "No Keras model at 'nowhere.keras'"),
        ([f"--model={there}/taken"], "holds no migration.json"),
        *with_flags(
            [
                *of_the_source(there),
                ([f"--checkpoint={GOOD}", "--levels=L9"], "levels has 'L9'"),
                ([f"--checkpoint={GOOD}", "--optimizer=adagrad"], "adagrad"),
                ([f"--checkpoint={GOOD}", "--steps=0"], "steps is 0"),
                ([f"--checkpoint={GOOD}", "--recording=nowhere.npz"], "nowhere.npz"),
                ([f"--checkpoint={GOOD}", f"--output_dir={there}/taken"], "taken' exists"),
            ],
            f"--model={there}/model.keras",
        ),
    ]
    check("verify", cases)


def test_record(there):
    evaluated = f"--checkpoint={FUSED}"
    cases = [
        ([f"--checkpoint={GOOD}"], "--output missing"),
        ([f"--checkpoint={GOOD}", f"--output={there}/none/new.npz"], "none"),
        *with_flags(
            [
                *of_the_source(there),
                ([f"--checkpoint={GOOD}", "--levels=L9"], "levels has 'L9'"),
                ([f"--checkpoint={GOOD}", "--steps=0"], "steps is 0"),
                ([f"--checkpoint={GOOD}", "--data=nowhere.npz"], "nowhere.npz"),
                ([evaluated, "--levels=L2"], "L2 cannot be recorded: this network does not train"),
            ],
            f"--output={there}/new.npz",
        ),
    ]
    check("record", cases)


def test_recalibrate(there):
    cases = [
        ([f"--checkpoint={GOOD}"], "--data and --output missing"),
        *with_flags(
            [
                (["--checkpoint=nowhere/model"], "No checkpoint at prefix 'nowhere/model'"),
                ([f"--checkpoint={there}/lonely"], "No graph file at"),
                ([f"--checkpoint={there}/damaged"], "damaged.meta' is not a MetaGraphDef"),
                ([f"--checkpoint={GOOD}", "--scopes=nowhere"], "nowhere"),
                ([f"--checkpoint={GOOD}", "--test_data=nowhere.npz"], "nowhere.npz"),
                ([f"--checkpoint={GOOD}", "--outputs=logits"], "go together"),
                ([f"--checkpoint={FUSED}", f"--meta={GOOD}.meta"], "checkpoint"),
            ],
            f"--data={there}/data.npz",
            f"--output={there}/new",
        ),
        (
            [f"--checkpoint={GOOD}", f"--data={there}/other.npz", f"--output={there}/new"],
            "The graph has no tensor for 1 of 1 array",
        ),
        (
            [f"--checkpoint={GOOD}", f"--data={there}/data.npz", f"--output={there}/lonely"],
            "is taken by",
        ),
    ]
    check("recalibrate", cases)


def test_what_is_not_refused_loads_it():
    """The other way round: this test can fail."""
    told = run("record", [f"--checkpoint={GOOD}", f"--output={os.devnull}/x"])
    assert told[0][2] == []
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys\n"
            "from slimfix.commands import quiet\n"
            "with quiet.tensorflow_kept_quiet():\n"
            "    assert 'tensorflow' not in sys.modules\n"
            "    import tensorflow\n"
            "assert 'tensorflow' in sys.modules\n"
            "assert not [each for each in sys.meta_path if 'Quiet' in type(each).__name__]\n",
        ],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert (done.stdout, done.stderr) == ("", "")
