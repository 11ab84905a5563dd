"""A small slim network for 8x8 handwritten digits, with most layers that old slim code uses."""

BATCH_NORM_SCOPES = ("digits/conv1", "digits/sepconv2", "digits/fc4")


def digits_net(
    slim,
    images,
    is_training,
    num_classes=10,
    weight_decay=1e-4,
    batch_norm_params=None,
    inference_scopes=(),
):
    """Returns `(logits, end_points)` of a small convolutional batch-norm network.

    `slim` is handed in, so that one source runs with `tf.contrib.slim`, `tf_slim` and
    `slimfix.slim`. Kernels, strides and feature maps are not square on purpose: a swapped
    axis then shows. Weight penalties go to REGULARIZATION_LOSSES, update ops to UPDATE_OPS.

    Args:
      slim: the slim module to build with.
      images: float32 [batch, 8, 8, 1], in [0, 1].
      is_training: bool, or a bool tensor [].
      num_classes: width of the logits.
      weight_decay: of the L2 penalty.
      batch_norm_params: arguments of slim.batch_norm; a decay of 0.95 if None.
      inference_scopes: those of BATCH_NORM_SCOPES whose batch norm is in inference mode whatever
        is_training is, for fine-tuning.
    Returns: float32 [batch, num_classes] logits, and a dict from scope to that layer's output.
    """
    import tensorflow.compat.v1 as tf

    layers = [slim.conv2d, slim.separable_conv2d, slim.fully_connected]
    big_gamma = {"gamma": tf.constant_initializer(3.0)}  # So large that relu6 clips now and then.
    end_points = {}

    def normalizer_params(scope, **params):
        return dict(params, is_training=False) if "digits/" + scope in inference_scopes else params

    with tf.variable_scope("digits"), slim.arg_scope(
        layers, weights_regularizer=slim.l2_regularizer(weight_decay)
    ), slim.arg_scope(
        [slim.batch_norm], is_training=is_training, **(batch_norm_params or {"decay": 0.95})
    ):
        # slim.batch_norm has no gamma unless it is asked for.
        net = slim.conv2d(
            images,
            12,
            [3, 2],
            normalizer_fn=slim.batch_norm,
            normalizer_params=normalizer_params("conv1"),
            scope="conv1",
        )
        end_points["conv1"] = net  # [batch, 8, 8, 12]
        net = slim.max_pool2d(net, [2, 1], stride=[2, 1], scope="pool1")
        end_points["pool1"] = net  # [batch, 4, 8, 12]
        net = slim.separable_conv2d(
            net,
            20,
            [2, 3],
            depth_multiplier=2,
            activation_fn=tf.nn.relu6,
            normalizer_fn=slim.batch_norm,
            normalizer_params=normalizer_params(
                "sepconv2", scale=True, epsilon=1e-5, param_initializers=big_gamma
            ),
            scope="sepconv2",
        )
        end_points["sepconv2"] = net  # [batch, 4, 8, 20]
        # Three rows at stride two over four: one row of padding, left out of the average.
        net = slim.avg_pool2d(net, [3, 2], stride=[2, 2], padding="SAME", scope="pool2")
        end_points["pool2"] = net  # [batch, 2, 4, 20]
        net = slim.conv2d(net, 20, [1, 2], padding="VALID", scope="conv3")
        end_points["conv3"] = net  # [batch, 2, 3, 20]
        net = slim.flatten(net, scope="flatten")
        end_points["flatten"] = net  # [batch, 120]
        net = slim.fully_connected(
            net,
            32,
            normalizer_fn=slim.batch_norm,
            normalizer_params=normalizer_params("fc4", scale=True),
            scope="fc4",
        )
        end_points["fc4"] = net
        net = slim.dropout(net, keep_prob=0.8, is_training=is_training, scope="dropout4")
        end_points["dropout4"] = net
        logits = slim.fully_connected(net, num_classes, activation_fn=None, scope="logits")
        end_points["logits"] = logits
    return logits, end_points
