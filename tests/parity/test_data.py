"""The inputs of a proof: given in each form, recorded, or drawn; and what is refused."""

import dataclasses
import itertools

import numpy as np
import pytest

from slimfix.errors import UsageError
from slimfix.migration import convert
from slimfix.parity import read_recording
from slimfix.parity.data import choose_course, choose_data, draw_cotangents
from slimfix.reference.optimizers import Optimizer

GOOD = "tests/golden/digits/good"


@pytest.fixture(scope="module")
def embeddings():
    """Two inputs of whole numbers."""
    prefix = "tests/golden/op_nets/embeddings/model.ckpt"
    return convert(prefix, inputs=["words:0", "tags:0"])


@pytest.fixture
def images():
    return np.random.default_rng(5).normal(size=(19, 8, 8, 1)).astype(np.float32)


def check_equal(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)


@pytest.mark.parametrize(
    "form", ["array", "list of one", "tensor name", "node name", "npy", "npz", "npz by node"]
)
def test_images_in_each_form(good, images, tmp_path, form):
    path = tmp_path / f"images.{form[:3]}"
    if form == "npy":
        np.save(path, images)
    elif form.startswith("npz"):
        np.savez(path, **{"images:0" if form == "npz" else "images": images})
    given = {
        "array": images,
        "list of one": [images],
        "tensor name": {"images:0": images},
        "node name": {"images": images},
    }.get(form, path)
    data = choose_data(good, given, None)
    check_equal(data.inference, {"images:0": images})
    # Four batches of four are cut from nineteen samples; three are left out.
    assert len(data.batches) == 4
    for turn, batch in enumerate(data.batches):
        check_equal(batch, {"images:0": images[4 * turn : 4 * turn + 4]})


@pytest.mark.parametrize(
    ("samples", "batches", "size"), [(1, 1, 1), (7, 1, 7), (8, 2, 4), (15, 3, 5), (41, 4, 10)]
)
def test_one_batch_is_cut_into_up_to_four(good, images, samples, batches, size):
    given = np.concatenate([images] * 3)[:samples]
    data = choose_data(good, given, None)
    assert [len(batch["images:0"]) for batch in data.batches] == [size] * batches
    assert len(data.inference["images:0"]) == samples


def test_batches_are_taken_as_they_come(good, images):
    data = choose_data(good, (images[start : start + 6] for start in (0, 6)), None)
    check_equal(data.inference, {"images:0": images[:12]})
    for batch, start in zip(data.batches, (0, 6), strict=True):
        check_equal(batch, {"images:0": images[start : start + 6]})


def test_of_batches_without_end_sixty_four_are_taken(good, images):
    taken = []

    def endless():
        for number in itertools.count():
            taken.append(number)
            yield {"images": images[:2] + np.float32(number)}

    data = choose_data(good, endless(), None)
    assert (len(data.batches), len(taken)) == (64, 64)
    assert data.inference["images:0"].shape == (128, 8, 8, 1)
    np.testing.assert_array_equal(data.batches[63]["images:0"], images[:2] + np.float32(63))


def test_a_smaller_last_batch_is_for_inference_alone(good, images):
    data = choose_data(good, [images[:8], images[8:16], images[16:]], None)
    check_equal(data.inference, {"images:0": images})
    assert [len(batch["images:0"]) for batch in data.batches] == [8, 8]


def test_arrays_of_other_names_are_left_out(good, images):
    """Labels, say; and not in every batch."""
    first = {"images": images[:8], "labels": np.arange(8)}
    check_equal(choose_data(good, first, None).inference, {"images:0": images[:8]})
    data = choose_data(good, [first, {"images": images[8:]}], None)
    check_equal(data.inference, {"images:0": images})


def test_batches_of_images_of_other_sizes_are_refused(graph, saved):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, None, None, 2], name="x")
    y = tf.reduce_mean(x * tf.get_variable("scale", [2]), [1, 2])
    migration = convert(saved(), inputs="x:0", outputs=y.name)
    given = [np.ones((2, size, 5, 2), np.float32) for size in (7, 7, 6)]
    assert len(choose_data(migration, given[:2], None).batches) == 2
    with pytest.raises(UsageError) as caught:
        choose_data(migration, given, None)
    assert "input 'x:0': [2, 6, 5, 2] in batch 3; [2, 7, 5, 2] in the first" in str(caught.value)


def test_two_inputs_by_either_name(embeddings):
    records = embeddings.plan.inputs
    assert [record.name for record in records] == ["words", "tags"]
    drawn = choose_data(embeddings, None, None).inference
    by_keras = {record.name: drawn[record.tensor] for record in records}
    mixed = {"words:0": drawn["words:0"], "tags": by_keras["tags"]}
    for given in (drawn, by_keras, mixed):
        check_equal(choose_data(embeddings, given, None).inference, drawn)
    with pytest.raises(UsageError, match="One array was given, and the network has 2 inputs"):
        choose_data(embeddings, drawn["words:0"], None)


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (lambda x: x[..., 0], "given [19, 8, 8] float32; graph [None, 8, 8, 1] float32"),
        (lambda x: x[:, 1:], "given [19, 7, 8, 1] float32; graph [None, 8, 8, 1] float32"),
        (lambda x: x.astype(str), "given [19, 8, 8, 1] <U32; graph"),
        (lambda x: x[:0], "empty, or some values are not finite"),
        (lambda x: np.where(x > 2, np.float32(np.inf), x), "empty, or some values are not finite"),
        (lambda x: {"pictures": x}, "input 'images:0': not in it; it has pictures:0"),
        (lambda x: [], "it holds no batch"),
        (lambda x: [x, x[..., 0]], "given [19, 8, 8] float32; graph"),
    ],
)
def test_what_the_network_does_not_take_is_refused(good, images, spoil, line):
    with pytest.raises(UsageError) as caught:
        choose_data(good, spoil(images), None)
    assert str(caught.value).startswith("The data is not such as the network takes:\n")
    assert line in str(caught.value)


def test_a_file_that_holds_no_arrays_is_refused(good, tmp_path):
    path = tmp_path / "data.npz"
    for content in (None, b"", b"no zip file", b"\x93NUMPY"):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(UsageError, match="Cannot read arrays from"):
            choose_data(good, str(path), None)
    with pytest.raises(UsageError, match="data is a int; want arrays, or an iterable of batches"):
        choose_data(good, 3, None)


# Recordings.


def test_a_recording_brings_its_inputs(good, images):
    recording = read_recording(f"{GOOD}/recording.npz")
    data = choose_data(good, None, recording)
    check_equal(data.inference, dict(recording.inputs))
    assert [len(batch["images:0"]) for batch in data.batches] == [4, 4, 4, 4]
    with pytest.raises(UsageError, match="data and recording are two sets of inputs; give one"):
        choose_data(good, images, recording)


@pytest.mark.parametrize("kept", ["training", "gradients"])
def test_levels_2_and_3_are_proved_on_what_was_recorded(good, kept):
    recording = read_recording(f"{GOOD}/training_recording.npz")
    other = {"training": "gradients", "gradients": "training"}[kept]
    for given in (recording, dataclasses.replace(recording, **{other: {}})):
        data = choose_data(good, None, given)
        assert len(data.batches) == 1
        check_equal(data.batches[0], dict(recording.inputs))


# Drawn inputs.


def test_inputs_are_drawn_with_a_seed(good):
    first, second = (choose_data(good, None, None) for _ in range(2))
    for one, other in zip((first.inference, *first.batches), (second.inference, *second.batches)):
        check_equal(one, other)
    drawn = [first.inference, *first.batches]
    assert [len(each["images:0"]) for each in drawn] == [16, 4, 4, 4, 4]
    flat = {each["images:0"][:4].tobytes() for each in drawn}
    assert len(flat) == 5  # No two alike.


@pytest.mark.parametrize(
    ("shape", "samples"), [([4, 4, 1], 16), ([128, 64, 1], 8), ([512, 128, 1], 2)]
)
def test_small_samples_are_drawn_in_larger_numbers(graph, saved, shape, samples):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, *shape], name="x")
    y = x * tf.get_variable("scale", [1])
    data = choose_data(convert(saved(), inputs="x:0", outputs=y.name), None, None)
    assert data.inference["x:0"].shape == (samples, *shape)
    assert {batch["x:0"].shape for batch in data.batches} == {(4, *shape)}


def test_a_batch_size_of_the_graph_is_kept(micro):
    migration, _ = micro("rank4_batch_weights")
    data = choose_data(migration, None, None)
    assert data.inference["x:0"].shape == (4, 5, 3, 2)


# Cotangents and targets.


def test_cotangents_and_targets_are_drawn_with_a_seed(good):
    shapes = [(40, 50), (3, 2)]
    first, second = (draw_cotangents(shapes) for _ in range(2))
    assert [each.shape for each in first] == shapes
    assert {each.dtype for each in first} == {np.dtype(np.float32)}
    for one, other in zip(first, second):
        np.testing.assert_array_equal(one, other)
    assert abs(first[0].mean()) < 0.05 and abs(first[0].std() - 1) < 0.05
    data = choose_data(good, None, None)
    optimizer = Optimizer("sgd", 0.1)
    course = choose_course(data, [[(4, 10)]] * 4, optimizer, 9)
    assert (course.optimizer, course.steps, course.losses) == (optimizer, 9, None)
    assert course.batches is data.batches
    assert [[each.shape for each in targets] for targets in course.targets] == [[(4, 10)]] * 4
    assert len({targets[0].tobytes() for targets in course.targets}) == 4
