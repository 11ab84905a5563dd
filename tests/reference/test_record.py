"""What is recorded of a network, in the environment that the test runs in."""

import os
import shutil

import numpy as np
import pytest

from slimfix.checkpoint import read_checkpoint
from slimfix.errors import CheckpointMismatchError, UnsupportedEnvironmentError, UsageError
from slimfix.network.sources import Source
from slimfix.reference import record as module
from slimfix.reference import run_training
from slimfix.reference.optimizers import Optimizer
from slimfix.reference.record import record, record_network
from slimfix.reference.recording import read_recording

DIGITS = "tests/golden/digits/good/model.ckpt"
GOLDEN = "tests/golden/micro/rank4_scale/recording.npz"
FORMS = "tests/golden/forms"
MICRO = "tests/golden/micro"
ALL = ("L1", "L2", "L3", "L4")
LOGITS = "digits/logits/BiasAdd:0"


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """All levels of the digits network, with drawn inputs."""
    path = str(tmp_path_factory.mktemp("digits") / "recording.npz")
    return record(DIGITS, path, levels=ALL, steps=7)


def largest(value):
    return np.abs(value).max()


def test_a_recording_is_what_lies_in_the_file(digits):
    import tensorflow as tf

    again = read_recording(digits.path)
    assert again.versions["tensorflow"] == tf.__version__
    assert set(again.versions) == {"numpy", "python", "slimfix", "tensorflow"}
    assert again.switches == {"is_training:0": False}
    assert list(again.inputs) == ["images:0"]
    assert again.inputs["images:0"].shape == (8, 8, 8, 1)


def test_every_tensor_between_inputs_and_outputs(digits):
    assert list(digits.tensors) == list(digits.training)
    assert len(digits.tensors) == 20
    assert "digits/conv1/BatchNorm/cond/Merge:0" in digits.tensors  # And not the inside of it.
    assert not any("/cond/Fused" in name or "dropout" in name for name in digits.tensors)
    assert list(digits.tensors)[-1] == LOGITS
    for values in (digits.tensors, digits.training):
        assert {value.dtype.name for value in values.values()} == {"float32"}
    first = "digits/conv1/Conv2D:0"
    np.testing.assert_array_equal(digits.tensors[first], digits.training[first])
    assert largest(digits.tensors[LOGITS] - digits.training[LOGITS]) > 0.1


def test_inference_agrees_with_what_tensorflow_1_15_5_recorded(tmp_path):
    golden = read_recording("tests/golden/digits/good/recording.npz")
    made = record(DIGITS, str(tmp_path / "r.npz"), data=golden.inputs, levels=["L1"])
    np.testing.assert_array_equal(made.inputs["images:0"], golden.inputs["images:0"])
    both = set(made.tensors) & set(golden.tensors)
    assert len(both) == 20
    for name in both:
        allowed = 2e-6 * largest(golden.tensors[name])
        np.testing.assert_allclose(made.tensors[name], golden.tensors[name], rtol=0, atol=allowed)


@pytest.mark.parametrize("variant", ["rank4_scale", "rank2_unfused", "rank2_renorm"])
def test_training_agrees_with_what_tensorflow_1_15_5_recorded(tmp_path, variant):
    """A pass in training mode, with its statistics, on the inputs of the golden run."""
    with np.load(f"{MICRO}/{variant}/training.npz") as file:
        golden = {key: file[key] for key in file.files}
    made = record(
        f"{MICRO}/{variant}/model.ckpt", str(tmp_path / "r.npz"), data=golden["step1/input"]
    )
    (output,) = made.cotangents
    expected = {"output": (made.training[output], golden["step1/output"])}
    for name, value in made.statistics.items():
        expected[name] = value, golden[f"step1/variable/{name}"]
    assert len(made.statistics) == sum(key.startswith("step1/variable/") for key in golden)
    for name, (found, wanted) in expected.items():
        allowed = 8 * np.finfo(np.float32).eps * largest(wanted)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=allowed, err_msg=name)


def test_statistics_are_those_of_one_step(digits):
    assert len(digits.statistics) == 6
    checkpoint = read_checkpoint(DIGITS)
    mean = "digits/conv1/BatchNorm/moving_mean"
    batch = digits.training["digits/conv1/Conv2D:0"].mean((0, 1, 2))
    before = checkpoint.read(mean)
    np.testing.assert_allclose(digits.statistics[mean], 0.95 * before + 0.05 * batch, rtol=1e-5)


def test_gradients_are_those_of_the_cotangents(digits):
    """The last layer's follow from its input."""
    cotangent = digits.cotangents[LOGITS]
    assert cotangent.shape == (8, 10)
    names = set(digits.gradients)
    assert len(names) == 14
    assert "images:0" in names
    np.testing.assert_allclose(
        digits.gradients["digits/logits/biases"], cotangent.sum(0), rtol=1e-5
    )
    entered = digits.training["digits/fc4/Relu:0"]
    np.testing.assert_allclose(
        digits.gradients["digits/logits/weights"], entered.T @ cotangent, rtol=1e-4, atol=1e-4
    )


def test_steps_go_in_turns_through_other_batches(digits):
    steps = digits.trajectory
    assert steps.optimizer == Optimizer("momentum", 0.01)
    assert steps.inputs["images:0"].shape == (4, 8, 8, 8, 1)
    assert steps.targets[LOGITS].shape == (4, 8, 10)
    batches = [*steps.inputs["images:0"], digits.inputs["images:0"]]
    for one in range(5):
        for other in range(one):
            assert not np.array_equal(batches[one], batches[other])
    assert steps.losses.shape == (7,)
    assert steps.losses.dtype == np.float32
    assert set(steps.weights) == (set(digits.gradients) - {"images:0"}) | set(digits.statistics)
    checkpoint = read_checkpoint(DIGITS)
    for name, value in steps.weights.items():
        assert not np.array_equal(value, checkpoint.read(name)), name
    spread = digits.training[LOGITS].std()
    assert 0.5 < steps.targets[LOGITS].std() / spread < 2.0


@pytest.mark.parametrize("variant", ["rank2_scale", "rank4_default", "rank4_unfused"])
@pytest.mark.parametrize("kind", ["momentum", "rmsprop"])
def test_steps_are_those_of_a_plain_training_loop(variant, kind, tmp_path):
    """As people write it: import the .meta, restore, minimise behind the update ops."""
    import tensorflow.compat.v1 as tf

    prefix = f"{MICRO}/{variant}/model.ckpt"
    arguments = {"levels": ["L4"], "optimizer": kind, "learning_rate": 0.02, "steps": 9}
    steps = record(prefix, str(tmp_path / "r.npz"), **arguments).trajectory
    ((output, targets),) = steps.targets.items()
    with tf.Graph().as_default() as graph, tf.Session() as session:
        saver = tf.train.import_meta_graph(prefix + ".meta")
        target = tf.placeholder(tf.float32)
        error = tf.reduce_mean(tf.square(graph.get_tensor_by_name(output) - target))
        optimizers = {
            "momentum": lambda: tf.train.MomentumOptimizer(0.02, 0.9),
            "rmsprop": lambda: tf.train.RMSPropOptimizer(0.02, momentum=0.9),
        }
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            step = optimizers[kind]().minimize(error)
        session.run(tf.global_variables_initializer())
        saver.restore(session, prefix)
        losses = []
        for number in range(9):
            feed = {"x:0": steps.inputs["x:0"][number % 4], target: targets[number % 4]}
            losses.append(session.run([error, step], {**feed, "is_training:0": True})[0])
        known = {variable.op.name: variable for variable in tf.global_variables()}
        after = session.run({name: known[name] for name in steps.weights})
    np.testing.assert_allclose(steps.losses, losses, rtol=1e-5)
    for name, value in after.items():
        np.testing.assert_allclose(steps.weights[name], value, rtol=0, atol=1e-5, err_msg=name)


def test_the_golden_recording_is_what_this_records(tmp_path):
    """Inputs to the bit, the rest to rounding: each kind of CPU sums in an order of its own."""
    golden = read_recording("tests/golden/digits/good/training_recording.npz")
    assert golden.versions["tensorflow"] == "1.15.5"
    assert golden.trajectory.losses.shape == (100,)
    assert golden.trajectory.losses[-10:].mean() < 0.4 * golden.trajectory.losses[:10].mean()
    made = record(DIGITS, str(tmp_path / "r.npz"), levels=ALL, batch_size=8, steps=2)
    for room in ("inputs", "cotangents", "tensors", "training", "statistics", "gradients"):
        found, wanted = getattr(made, room), getattr(golden, room)
        assert set(found) == set(wanted)
        exact = room in ("inputs", "cotangents")
        for name, value in wanted.items():
            allowed = 0 if exact else 5e-6 * largest(value)
            np.testing.assert_allclose(found[name], value, rtol=0, atol=allowed, err_msg=name)
    images = made.trajectory.inputs["images:0"]
    np.testing.assert_array_equal(images, golden.trajectory.inputs["images:0"])
    np.testing.assert_allclose(made.trajectory.losses, golden.trajectory.losses[:2], rtol=1e-5)


def test_two_recordings_are_the_same(digits, tmp_path):
    again = record(DIGITS, str(tmp_path / "again.npz"), levels=ALL, steps=7)
    with np.load(digits.path) as one, np.load(again.path) as other:
        assert sorted(one.files) == sorted(other.files)
        for key in one.files:
            if key.startswith(("input/", "gradient/cotangent/", "trajectory/input/")):
                np.testing.assert_array_equal(one[key], other[key])


@pytest.mark.parametrize(
    "form", ["constant", "placeholder", "variable", "control_flow_v2", "iterator"]
)
def test_the_forms_of_a_training_graph_are_one_network(form, tmp_path):
    """With is_training=True a constant too: TensorFlow 1.15.5 built the same for inference."""
    with np.load(f"{FORMS}/{form}/expected.npz") as file:
        images, logits = file["images"], file["logits"]
    made = record(f"{FORMS}/{form}/model.ckpt", str(tmp_path / "r.npz"), data=images)
    (output,) = made.cotangents
    np.testing.assert_allclose(made.tensors[output], logits, rtol=1e-5, atol=1e-5)
    assert set(made.tensors) - set(made.training) <= {"net/fc/BatchNorm/Reshape:0"}
    assert any("SquaredDifference" in name for name in set(made.training) - set(made.tensors))
    assert len(made.statistics) == 4


def test_shadows_are_taken_where_they_are_asked_for(tmp_path):
    with np.load(f"{FORMS}/moving_averages/expected.npz") as file:
        images, logits = file["images"], file["shadow_logits"]
    prefix, path = f"{FORMS}/moving_averages/model.ckpt", str(tmp_path / "r.npz")
    made = record(prefix, path, data=images, values="shadow", levels=["L1"])
    np.testing.assert_allclose(list(made.tensors.values())[-1], logits, rtol=1e-5, atol=1e-5)
    with pytest.raises(UsageError, match="values='shadow'"):
        record(prefix, path, data=images, overwrite=True)


NOT_TRAINED = {
    "frozen": (
        {"frozen_graph": f"{FORMS}/frozen/frozen.pb"},
        "  the graph names no trainable variable among those that the network reads\n",
    ),
    "constant": (
        {"checkpoint": f"{MICRO}/rank4_const_inference/model.ckpt"},
        "  1 batch norm, none ever in training mode (is_training=False)\n",
    ),
    "no weights": (
        {
            "checkpoint": "tests/golden/op_nets/padding/model.ckpt",
            "outputs": "tests/golden/op_nets/padding",
        },
        "  the graph names no trainable variable among those that the network reads\n",
    ),
}


@pytest.mark.parametrize("case", NOT_TRAINED)
def test_a_network_that_does_not_train_is_recorded_in_inference_only(case, tmp_path):
    arguments, reason = dict(NOT_TRAINED[case][0]), NOT_TRAINED[case][1]
    if "outputs" in arguments:
        golden = read_recording(f"{arguments['outputs']}/recording.npz")
        arguments.update(inputs=sorted(golden.inputs), outputs=sorted(golden.tensors)[:1])
    path = str(tmp_path / "r.npz")
    with pytest.raises(UsageError) as error:
        record(output=path, levels=["L2", "L4"], **arguments)
    text = str(error.value)
    assert text.startswith("L2 and L4 cannot be recorded: this network does not train:\n" + reason)
    assert "or only --levels=L1" in text
    assert os.listdir(str(tmp_path)) == []
    made = record(output=path, **arguments)
    assert made.tensors
    assert not made.training
    assert not made.gradients
    assert made.trajectory is None


def test_a_fixed_batch_is_kept(tmp_path):
    prefix, path = f"{MICRO}/rank4_batch_weights/model.ckpt", str(tmp_path / "r.npz")
    made = record(prefix, path, levels=ALL, steps=2, batch_size=3)
    assert made.inputs["x:0"].shape[0] == 4
    assert made.trajectory.inputs["x:0"].shape == (4, 4, 5, 3, 2)


def test_data_are_recorded_whole_and_cut_for_the_steps(tmp_path):
    images = np.arange(11 * 64).reshape(11, 8, 8, 1) / 700
    data = {"images": images, "labels": np.arange(11)}
    path = str(tmp_path / "r.npz")
    made = record(DIGITS, path, data=data, levels=["L4"], steps=3, batch_size=5)
    np.testing.assert_array_equal(made.inputs["images:0"], images.astype(np.float32))
    steps = made.trajectory.inputs["images:0"]
    np.testing.assert_array_equal(steps, images[:10].astype(np.float32).reshape(2, 5, 8, 8, 1))
    few = record(DIGITS, path, data=images[:3], levels=["L4"], steps=1, overwrite=True).trajectory
    assert few.inputs["images:0"].shape == (1, 3, 8, 8, 1)


WRONG_DATA = {
    "another name": ({"image": np.ones((2, 8, 8, 1))}, "'images:0': not in it; it has image:0"),
    "another shape": (np.ones((2, 8, 8)), "given [2, 8, 8] float32; graph [None, 8, 8, 1] float32"),
    "another kind": (np.ones((2, 8, 8, 1), complex), "complex128; graph"),
    "not finite": (np.full((2, 8, 8, 1), np.nan), "some values are not finite"),
    "no samples": (np.ones((0, 8, 8, 1), np.float32), "'images:0': empty"),
}


@pytest.mark.parametrize("case", WRONG_DATA)
def test_data_of_another_network_are_refused(case, tmp_path):
    data, text = WRONG_DATA[case]
    with pytest.raises(UsageError) as error:
        record(DIGITS, str(tmp_path / "r.npz"), data=data)
    assert str(error.value).startswith("The network does not take these data:\n  ")
    assert text in str(error.value)
    assert os.listdir(str(tmp_path)) == []


WRONG = {
    "no output": ({"output": None}, "record() needs an output"),
    "no network": ({"checkpoint": None}, "Nothing given to read a network from"),
    "no folder": ({"output": "none/r.npz"}, "'none' is no folder that this user may write in"),
    "a folder": ({"output": "."}, "'.' is a folder; name the file"),
    "a level": ({"levels": ["L0"]}, "levels has 'L0'; want some of L1, L2, L3, L4"),
    "no steps": ({"steps": 0}, "steps is 0; want at least 1"),
    "no samples": ({"batch_size": 0}, "batch_size is 0; want at least 1"),
    "optimizer": ({"optimizer": "lamb"}, "optimizer is 'lamb'"),
    "rate": ({"learning_rate": -1.0}, "learning_rate is -1.0"),
    "values": ({"values": "mean"}, "values is 'mean'"),
    "outputs": ({"outputs": "digits/logits/BiasAd"}, "The graph has no tensor"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said(case, tmp_path):
    arguments, text = WRONG[case]
    arguments = dict({"checkpoint": DIGITS, "output": str(tmp_path / "r.npz")}, **arguments)
    with pytest.raises(UsageError) as error:
        record(**arguments)
    assert text in str(error.value)
    assert os.listdir(str(tmp_path)) == []


def test_variables_that_only_training_reads_have_to_be_there(graph, tmp_path):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 6], name="x")
    normal = {"zero_debias_moving_mean": True, "is_training": True}
    net = slim.fully_connected(x, 4, normalizer_fn=slim.batch_norm, normalizer_params=normal)
    slim.fully_connected(net, 2, activation_fn=None, scope="logits")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        kept = [v for v in tf.global_variables() if "local_step" not in v.op.name]
        prefix = tf.train.Saver(kept).save(session, str(tmp_path / "model.ckpt"))
    path = str(tmp_path / "r.npz")
    assert record(prefix, path, levels=["L1"], batch_norm="moving").tensors
    with pytest.raises(CheckpointMismatchError, match="moving_mean/local_step'"):
        record(prefix, path, overwrite=True, batch_norm="moving")


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("kind", ["recording", "archive", "file", "link", "fifo"])
def test_what_is_there_is_refused_before_any_work(tmp_path, monkeypatch, kind, overwrite):
    path = tmp_path / "r.npz"
    if kind == "recording":
        shutil.copyfile(GOLDEN, path)
    elif kind == "archive":
        np.savez(path, images=np.ones(3))
    elif kind == "file":
        path.write_text("mine")
    elif kind == "link":
        path.symlink_to(tmp_path / "nowhere")
    else:
        os.mkfifo(str(path))

    class Worked(Exception):
        pass

    def work(self):
        raise Worked

    monkeypatch.setattr(Source, "open", work)
    replaced = kind == "recording" and overwrite
    with pytest.raises(Worked if replaced else UsageError):
        record(DIGITS, path, overwrite=overwrite)
    assert os.listdir(str(tmp_path)) == ["r.npz"]


def test_a_recording_is_replaced_where_that_is_said(tmp_path):
    path = tmp_path / "r.npz"
    shutil.copyfile(GOLDEN, path)
    assert record(DIGITS, path, levels=["L1"], overwrite=True).path == str(path)
    assert len(read_recording(str(path)).tensors) == 20


def test_nothing_is_written_where_it_fails(tmp_path, monkeypatch):
    """In the middle of the steps: what was there before is still there."""
    path = tmp_path / "r.npz"
    shutil.copyfile(GOLDEN, path)
    mine = path.read_bytes()
    with pytest.raises(UsageError) as error:
        record(DIGITS, path, levels=["L4"], optimizer="sgd", learning_rate=1e30, overwrite=True)
    text = str(error.value)
    assert text.startswith("The loss is not finite in step 2 of sgd(learning_rate=1e+30):\n")
    assert "Fix: give a smaller learning_rate (--learning_rate)." in text
    assert path.read_bytes() == mine
    assert os.listdir(str(tmp_path)) == ["r.npz"]

    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_recording", stop)
    with pytest.raises(KeyboardInterrupt):
        record(DIGITS, path, levels=["L1"], overwrite=True)
    assert path.read_bytes() == mine


def test_a_network_without_a_finite_output_is_refused(tmp_path, monkeypatch):
    """Anything would agree with it."""
    real = module._run

    def infinite(*arguments, **more):
        return {name: value * np.nan for name, value in real(*arguments, **more).items()}

    monkeypatch.setattr(module, "_run", infinite)
    with pytest.raises(UsageError, match=f"'{LOGITS}' has no finite") as caught:
        record(DIGITS, str(tmp_path / "r.npz"))
    assert str(caught.value).startswith("Nothing worth recording: another network might give")


@pytest.mark.parametrize("kind", ["constant", "out of scale", "learning rate"])
def test_what_nothing_could_be_proved_on_is_not_recorded(tmp_path, kind):
    images = np.random.default_rng(5).normal(size=(6, 8, 8, 1)).astype(np.float32)
    data, levels, rate, line = {
        "constant": (np.zeros_like(images), ["L1"], 0.01, "each of its 384 values is 0.0"),
        "out of scale": (images * 1e-30, ["L1"], 0.01, "the same for each of 6 samples, which"),
        "learning rate": (images, ["L4"], 1e-30, "(learning_rate=1e-30, momentum=0.9) moved no"),
    }[kind]
    path = tmp_path / "r.npz"
    more = {"levels": levels, "learning_rate": rate, "steps": 2}
    with pytest.raises(UsageError, match=r"^Nothing worth recording: ") as caught:
        record(DIGITS, str(path), data=data, **more)
    assert line in str(caught.value)
    assert not path.exists()
    record(DIGITS, str(path), data=images, **{**more, "learning_rate": 0.01})  # As it says.


def test_a_missing_kernel_is_named(tmp_path, monkeypatch):
    import tensorflow.compat.v1 as tf

    def no_kernel(*arguments):
        text = "No OpKernel was registered to support Op 'Conv9D'\nmore"
        raise tf.errors.InvalidArgumentError(None, None, text)

    monkeypatch.setattr(tf.Session, "run", no_kernel)
    with pytest.raises(UnsupportedEnvironmentError) as error:
        record(DIGITS, str(tmp_path / "r.npz"))
    assert str(error.value).startswith(f"TensorFlow {tf.__version__} cannot run this network here:")
    told = "\n  InvalidArgumentError: No OpKernel was registered to support Op 'Conv9D'\nLikely"
    assert told in str(error.value)


def test_steps_are_counted_on_the_terminal(tmp_path, capsys):
    path = str(tmp_path / "r.npz")
    record(DIGITS, path, levels=["L4"], steps=2, progress=True)
    assert "Training: [" in capsys.readouterr().err
    record(DIGITS, path, levels=["L4"], steps=2, overwrite=True)
    assert "Training: [" not in capsys.readouterr().err


def test_statistics_that_gradients_moved_would_be_seen(digits, monkeypatch):
    """Sabotage: one session for both, so that the pass for L2 is not the first one."""
    import contextlib

    real = run_training.TrainingGraph.open

    @contextlib.contextmanager
    def moved(graph):
        with real(graph) as run:
            run.forward(digits.inputs)
            yield run

    monkeypatch.setattr(run_training.TrainingGraph, "open", moved)
    path = digits.path + ".other.npz"
    other = record_network(Source(DIGITS), path, levels=["L2"])
    mean = "digits/conv1/BatchNorm/moving_mean"
    assert largest(other.statistics[mean] - digits.statistics[mean]) > 1e-4


def test_data_and_levels_as_the_command_takes_them(tmp_path):
    images = np.linspace(0, 1, 3 * 64, dtype=np.float32).reshape(3, 8, 8, 1)
    np.save(tmp_path / "images.npy", images)
    recording = record(DIGITS, tmp_path / "r.npz", data=tmp_path / "images.npy", levels="L1")
    np.testing.assert_array_equal(recording.inputs["images:0"], images)
    assert not recording.training
    np.save(tmp_path / "images.npy", images * np.nan)
    with pytest.raises(UsageError, match="some values are not finite") as caught:
        record(DIGITS, tmp_path / "new.npz", data=str(tmp_path / "images.npy"))
    assert f"\nData: '{tmp_path}/images.npy'" in str(caught.value)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_partitioned_variable_of_a_graph_without_a_saver(graph, saved, tmp_path, axis):
    """The slices are those of the concatenation: the graph says no other."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 5], name="x")
    kernel = tf.get_variable("kernel", [5, 7], partitioner=tf.fixed_size_partitioner(2, axis=axis))
    tf.matmul(x, tf.convert_to_tensor(kernel), name="end")
    tf.train.export_meta_graph(str(tmp_path / "plain.meta"))
    prefix = saved()
    options = {"meta": tmp_path / "plain.meta", "inputs": "x", "outputs": "end"}
    recording = record(prefix, tmp_path / "r.npz", levels="L1", **options)
    whole = read_checkpoint(prefix).read("kernel").astype(np.float64)
    wanted = recording.inputs["x:0"] @ whole
    np.testing.assert_allclose(recording.tensors["end:0"], wanted, rtol=1e-5, atol=1e-5)
