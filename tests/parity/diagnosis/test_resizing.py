"""Where old and new pixels lie."""

import pytest


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "resize in place of bilinear with legacy corners (half_pixel_centers=False)"),
        ({"align_corners": True}, "resize in place of bilinear with aligned corners"),
    ],
)
def test_bilinear(graph, net, tmp_path, diagnose, settings, text):
    """Keras resizes with half pixel centres."""
    import keras
    import tensorflow.compat.v1 as tf

    from slimfix.migration.eager import run_eagerly

    x = tf.placeholder(tf.float32, [None, 4, 5, 2], name="x")
    case = net(tf.image.resize_bilinear(x, [8, 15], name="resized", **settings))
    name = case.migration.probes[-1].operation

    def build():
        source = keras.Input((4, 5, 2), name="x")
        return keras.Model(source, keras.layers.Resizing(8, 15, name=name)(source))

    diagnosis = diagnose(case, run_eagerly(build))
    assert [trial.hypothesis for trial in diagnosis.fitting] == [text]
    assert len(diagnosis.trials) >= 6


def test_nearest(graph, net, diagnose):
    import keras
    import tensorflow.compat.v1 as tf

    from slimfix.migration.eager import run_eagerly

    x = tf.placeholder(tf.float32, [None, 4, 5, 2], name="x")
    case = net(tf.image.resize_nearest_neighbor(x, [6, 8], align_corners=True, name="resized"))
    name = case.migration.probes[-1].operation

    def build():
        source = keras.Input((4, 5, 2), name="x")
        layer = keras.layers.Resizing(6, 8, interpolation="nearest", name=name)
        return keras.Model(source, layer(source))

    diagnosis = diagnose(case, run_eagerly(build))
    assert [trial.hypothesis for trial in diagnosis.fitting] == [
        "resize in place of nearest with aligned corners"
    ]
