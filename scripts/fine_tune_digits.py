"""Fine-tunes the digits network from a checkpoint, with the flags of slim's own scripts.

What is not trained keeps its batch-norm statistics, and normalises with them. Runs from a
checkout, on TensorFlow 1.15 and on TensorFlow 2:

  python scripts/fine_tune_digits.py --checkpoint_path=runs/digits/model.ckpt-1000 \
    --checkpoint_exclude_scopes=digits/logits --trainable_scopes=digits/fc4,digits/logits \
    --train_dir=runs/tuned --max_number_of_steps=200
"""

import os
import sys

import numpy as np
from absl import app, flags

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [HERE, os.path.dirname(HERE)]  # Behind the rest: an installed slimfix comes first.

import digits_data  # noqa: E402

from slimfix import flags as slim_flags  # noqa: E402

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "data",
    digits_data.PATH,
    "npz file with train_images, train_labels, test_images and test_labels.",
)
flags.DEFINE_integer("seed", 1, "For new weights, the dropout and the order of images.")
slim_flags.define_training_flags()
slim_flags.define_checkpoint_flags()
slim_flags.define_fine_tuning_flags()
slim_flags.define_batch_norm_flags()
slim_flags.define_optimizer_flags()
slim_flags.define_learning_rate_flags()
flags.mark_flag_as_required("checkpoint_path")


def build_train_op(images, labels, is_training, steps_per_epoch):
    """Returns (train_op, logits), with the batch norm of what is not trained frozen."""
    import tensorflow.compat.v1 as tf
    from digits_net import BATCH_NORM_SCOPES, digits_net

    from slimfix import create_train_op, freeze_batch_norm, slim

    frozen = slim_flags.untrained_scopes(BATCH_NORM_SCOPES)
    logits, _ = digits_net(
        slim,
        images,
        is_training,
        weight_decay=FLAGS.weight_decay,
        batch_norm_params=slim_flags.batch_norm_params(),
        inference_scopes=frozen,
    )
    if frozen:
        frozen = freeze_batch_norm(scopes=frozen)
        print(frozen)
    tf.losses.sparse_softmax_cross_entropy(labels, logits)
    rate = slim_flags.build_learning_rate(tf.train.create_global_step(), steps_per_epoch)
    train_op = create_train_op(
        tf.losses.get_total_loss(),
        slim_flags.build_optimizer(rate),
        variables_to_train=slim_flags.variables_to_train(),
        frozen_scopes=frozen.frozen_scopes if frozen else (),
    )
    return train_op, logits


def main(argv):
    """Restores, fine-tunes, and prints the test accuracy before and after."""
    if len(argv) > 1:
        raise app.UsageError(f"Too many arguments: {' '.join(argv[1:])}")

    import tensorflow.compat.v1 as tf

    from slimfix import build_saver, restore

    tf.disable_v2_behavior()
    tf.logging.set_verbosity(tf.logging.ERROR)
    train_images, train_labels = digits_data.read_digits(FLAGS.data, "train")
    test_images, test_labels = digits_data.read_digits(FLAGS.data, "test")

    tf.set_random_seed(FLAGS.seed)
    images, labels, is_training = digits_data.build_inputs()
    batch_size = min(FLAGS.batch_size, len(train_images))
    train_op, logits = build_train_op(
        images, labels, is_training, steps_per_epoch=len(train_images) / batch_size
    )
    step = tf.train.get_global_step()
    prefix, options = slim_flags.checkpoint_prefix(), slim_flags.restore_options()

    def start(scaffold, session):
        restore(session, prefix, optimizer_slots=False, step=False, **options)

    def measure(session):
        scores = session.run(logits, {images: test_images, is_training: False})
        return np.mean(scores.argmax(axis=1) == test_labels)

    random = np.random.RandomState(FLAGS.seed)
    with tf.train.MonitoredTrainingSession(
        checkpoint_dir=FLAGS.train_dir,
        scaffold=tf.train.Scaffold(init_fn=start, saver=build_saver()),
        save_checkpoint_secs=FLAGS.save_interval_secs,
        save_summaries_secs=FLAGS.save_summaries_secs,
        log_step_count_steps=FLAGS.log_every_n_steps,
    ) as session:
        print(f"test accuracy before: {measure(session):.2%}")
        while FLAGS.max_number_of_steps is None or session.run(step) < FLAGS.max_number_of_steps:
            chosen = random.choice(len(train_images), batch_size, replace=False)
            feed = {images: train_images[chosen], labels: train_labels[chosen], is_training: True}
            session.run(train_op, feed)
        print(f"test accuracy after: {measure(session):.2%}")
    print(f"checkpoint: {tf.train.latest_checkpoint(FLAGS.train_dir)}")


if __name__ == "__main__":
    app.run(main)
