"""The source of networks that tf-slim builds: blocks become functions, repeated units loops."""

import pytest

from slimfix.migration import convert
from slimfix.migration.eager import run_eagerly
from slimfix.source import About, check_source, format_source


@pytest.fixture
def source_of(graph, tmp_path):
    """Saves the network of the default graph, converts it, and proves its source."""
    import tensorflow.compat.v1 as tf

    def make(output):
        with tf.Session(graph=graph) as session:
            session.run(tf.global_variables_initializer())
            prefix = tf.train.Saver().save(session, str(tmp_path / "model.ckpt"))
        migration = convert(prefix, outputs=output.name)
        source = format_source(migration.plan, About(prefix, migration.model.name, "w.h5"))
        weights = str(tmp_path / "model.weights.h5")
        run_eagerly(migration.model.save_weights, weights)
        run_eagerly(check_source, source, migration.model, weights)
        return source

    return make


def test_a_resnet_is_written_as_people_write_it(graph, source_of):
    """resnet_v1_50 but for its second block and its widths."""
    import tensorflow.compat.v1 as tf
    from tf_slim.nets import resnet_v1

    from slimfix import slim

    blocks = [
        resnet_v1.resnet_v1_block(f"block{i}", base_depth=i + 1, num_units=units, stride=stride)
        for i, units, stride in ((1, 3, 2), (2, 6, 2), (3, 3, 1))
    ]
    x = tf.placeholder(tf.float32, [None, 97, 65, 3], name="images")
    with slim.arg_scope(resnet_v1.resnet_arg_scope()):
        logits, _ = resnet_v1.resnet_v1(x, blocks, num_classes=11, is_training=False)
    source = source_of(logits)
    assert len(source.splitlines()) < 150
    assert source.count("layers.Conv2D(") == 3  # With and without activation, and the logits.
    assert source.count("def bottleneck_v1") == 3  # Projected, identity and subsampled shortcut.
    assert "    for i in range(2, 6):\n" in source
    headings = [line.strip() for line in source.splitlines() if line.startswith("    # ")]
    assert headings[:3] == [f"# resnet_v1/block{i}" for i in (1, 2, 3)]


def test_inception_blocks_name_their_branches(graph, source_of):
    import tensorflow.compat.v1 as tf
    from tf_slim.nets import inception

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 75, 83, 3], name="images")
    in_inference = slim.arg_scope([slim.batch_norm], is_training=False)
    with slim.arg_scope(inception.inception_v3_arg_scope()), in_inference:
        end, _ = inception.inception_v3_base(x, final_endpoint="Mixed_6c", depth_multiplier=0.15)
    source = source_of(end)
    assert "def mixed_6(x, name, filters):\n" in source
    assert source.count("layers.Conv2D(") == 1
    assert "        [branch_0, branch_1, branch_2, branch_3]\n" in source
