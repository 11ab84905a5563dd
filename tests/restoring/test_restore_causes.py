"""What goes wrong most often, and that the error says it and what to do."""

import pytest

from slimfix import restore, verify_checkpoint
from slimfix.errors import CheckpointMismatchError
from tests.graph import small_net


def advice(session, prefix, number, **kwargs):
    """Returns (cause, fix) of the error, in which `number` variables are refused."""
    with pytest.raises(CheckpointMismatchError) as error:
        restore(session, prefix, **kwargs)
    lines = str(error.value).splitlines()
    assert lines[0].startswith(f"Cannot restore {number} of ")
    assert len(lines) == 1 + number + 2
    assert lines[-2].startswith("Likely cause: ")
    assert lines[-1].startswith("Fix: ")
    return lines[-2][len("Likely cause: ") :], lines[-1][len("Fix: ") :]


def test_trainable_only_saver(session, tmp_path):
    import tensorflow.compat.v1 as tf

    prefix = small_net.write(
        tmp_path / "model.ckpt", lambda: tf.train.Saver(tf.trainable_variables())
    )
    small_net.build()
    cause, fix = advice(session, prefix, 2)
    assert cause == (
        "the checkpoint was saved with Saver(tf.trainable_variables()): it holds the layers, but "
        "not one moving statistic."
    )
    assert fix.startswith("save again with slimfix.build_saver()")


def test_trainable_only_saver_of_tensorflow_1(session):
    """The golden checkpoint of a real training."""
    import tensorflow.compat.v1 as tf

    prefix = "tests/golden/digits/trainable_only/model.ckpt"
    for name, shape in tf.train.list_variables(prefix):
        tf.get_variable(name, shape)
    tf.get_variable("digits/conv1/BatchNorm/moving_mean", [5])
    cause, _ = advice(session, prefix, 1)
    assert "Saver(tf.trainable_variables())" in cause
    with pytest.raises(CheckpointMismatchError, match="trainable_variables") as error:
        verify_checkpoint(prefix, prefix + ".meta")
    assert "does not hold" in str(error.value)


def test_arg_scope_forgotten(session, tmp_path):
    prefix = small_net.write(tmp_path / "model.ckpt")
    small_net.build(normalizer_fn=None)
    cause, fix = advice(session, prefix, 1)
    assert cause == (
        "the graph was built without the arg_scope of the checkpoint: 1 layer with biases in the "
        "graph, with batch norm in the checkpoint."
    )
    assert fix == "build the network under its arg_scope, with normalizer_fn=slim.batch_norm."


def test_batch_norm_that_the_checkpoint_has_not(session, tmp_path):
    prefix = small_net.write(tmp_path / "model.ckpt", normalizer_fn=None)
    small_net.build()
    cause, fix = advice(session, prefix, 3)
    assert cause == (
        "the checkpoint's network was built without batch norm: 1 layer with batch norm in the "
        "graph, with biases in the checkpoint."
    )
    assert fix.startswith("build the network without normalizer_fn")


def test_built_twice(session, tmp_path):
    prefix = small_net.write(tmp_path / "model.ckpt")
    small_net.build(scope="net")
    small_net.build(scope="net_1")
    cause, fix = advice(session, prefix, 6)
    assert cause == (
        "the network was built a second time under 'net_1'; the checkpoint holds it as 'net'."
    )
    assert fix == (
        "build it once, or with reuse=tf.AUTO_REUSE; or restore with rename=[('^net_1/', 'net/')]."
    )


def test_numbered_layers_are_not_built_twice(session, tmp_path):
    """slim calls its layers Conv, Conv_1, Conv_2: one more of them is no second network."""
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default(), tf.Session() as other:
        for name in ("Conv/weights", "Conv_1/weights"):
            tf.get_variable(name, [2, 3])
        other.run(tf.global_variables_initializer())
        prefix = tf.train.Saver().save(other, str(tmp_path / "model.ckpt"))
    for name in ("Conv/weights", "Conv_1/weights", "Conv_2/weights"):
        tf.get_variable(name, [2, 3])
    cause, _ = advice(session, prefix, 1)
    assert cause == "the checkpoint is of another network, or of another version of this one."


@pytest.mark.parametrize(
    ("mine", "theirs", "rule"),
    [
        ("resnet", "model/resnet", {"^": "model/"}),
        ("model/resnet", "resnet", {"^model/": ""}),
        ("a/net", "b.c/net", {"^a/": "b.c/"}),
        ("b.c/net", "a/net", {r"^b\.c/": "a/"}),
    ],
)
def test_other_scope(session, tmp_path, mine, theirs, rule):
    prefix = small_net.write(tmp_path / "model.ckpt", scope=theirs)
    small_net.build(scope=mine)
    cause, fix = advice(session, prefix, 6)
    assert "of the graph is" in cause
    assert fix == f"restore with rename={list(rule.items())!r}."
    assert len(restore(session, prefix, rename=rule).restored) == 6


def test_only_shadows(session, tmp_path):
    import tensorflow.compat.v1 as tf

    def shadows_alone():
        return tf.train.Saver([v for v in tf.global_variables() if "Exponential" in v.name])

    prefix = small_net.write(tmp_path / "model.ckpt", shadows_alone, shadows=True)
    small_net.build(normalizer_fn=None)
    kept = tf.global_variables("net/logits") + tf.global_variables("net/conv/weights")
    cause, fix = advice(session, prefix, 3, var_list=kept)
    assert cause == ("the checkpoint holds 3 variables only as shadows (ExponentialMovingAverage).")
    assert fix == "restore with values='shadow'."
    assert len(restore(session, prefix, kept, values="shadow").restored) == 3


def test_no_training_state(session, tmp_path):
    prefix = small_net.write(tmp_path / "model.ckpt")
    small_net.build(optimizer=True, shadows=True)
    cause, fix = advice(session, prefix, 4 + 4 + 1)
    assert cause.startswith("the checkpoint does not hold the training state of this graph")
    assert fix == "restore with optimizer_slots=False, shadows=False, step=False."
    record = restore(session, prefix, optimizer_slots=False, shadows=False, step=False)
    assert len(record.restored) == 6


def test_two_causes_at_once(session, tmp_path):
    prefix = small_net.write(tmp_path / "model.ckpt", classes=7)
    small_net.build(normalizer_fn=None)
    cause, fix = advice(session, prefix, 3)
    assert "arg_scope" in cause
    assert "; the graph was built for another num_classes" in cause
    assert "; to train these layers anew, restore with exclude_scopes=['net/logits']" in fix


def test_slots_of_a_layer_with_another_shape(session, tmp_path):
    """The scope to exclude is the layer's, which covers its slots."""
    prefix = small_net.write(tmp_path / "model.ckpt", classes=7, optimizer=True)
    small_net.build(optimizer=True)
    _, fix = advice(session, prefix, 4)
    assert fix == "to train these layers anew, restore with exclude_scopes=['net/logits']."
    assert len(restore(session, prefix, exclude_scopes=["net/logits"]).excluded) == 4
