"""Where training graphs of the zoo get their images from: the ways of the TensorFlow 1 years.

Each function takes height, width and classes, and returns (images, one-hot labels). No file is
there: whoever runs such a graph feeds the images.
"""

import tensorflow as tf
from tensorflow.contrib import slim

FILES = ["train-00000-of-00002", "train-00001-of-00002"]
BATCH = 8


def _parse(record, height, width, classes):
    """Returns one distorted image, float32 [height, width, 3] in -1..1, and its one-hot label."""
    features = tf.parse_single_example(
        record,
        {
            "image/encoded": tf.FixedLenFeature([], tf.string, ""),
            "image/class/label": tf.FixedLenFeature([], tf.int64, -1),
        },
    )
    image = tf.image.decode_jpeg(features["image/encoded"], channels=3)
    image = tf.image.convert_image_dtype(image, tf.float32)
    image = tf.image.resize_bilinear(image[None], [height + 8, width + 8])[0]
    image = tf.random_crop(image, [height, width, 3])
    image = tf.image.random_brightness(tf.image.random_flip_left_right(image), 0.1)
    image = tf.multiply(tf.subtract(image, 0.5), 2.0)
    return image, slim.one_hot_encoding(features["image/class/label"], classes)


def placeholders(height, width, classes):
    """Fed by the training loop."""
    images = tf.placeholder(tf.float32, [None, height, width, 3], name="images")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    return images, tf.one_hot(labels, classes)


def one_shot_iterator(height, width, classes):
    """tf.data, the last batch smaller than the others: the graph does not know the batch size."""
    dataset = tf.data.TFRecordDataset(FILES).map(lambda r: _parse(r, height, width, classes))
    dataset = dataset.shuffle(64).repeat().batch(BATCH).prefetch(1)
    return dataset.make_one_shot_iterator().get_next()


def initializable_iterator(height, width, classes):
    """tf.data, the batch size known to the graph, the iterator initialized by a hook."""
    files = tf.data.Dataset.from_tensor_slices(FILES)
    dataset = files.interleave(tf.data.TFRecordDataset, cycle_length=2)
    dataset = dataset.map(lambda record: _parse(record, height, width, classes))
    dataset = dataset.batch(BATCH, drop_remainder=True)
    iterator = dataset.make_initializable_iterator()
    tf.add_to_collection(tf.GraphKeys.TABLE_INITIALIZERS, iterator.initializer)
    return iterator.get_next()


def shuffle_batch(height, width, classes):
    """Queue runners and a reader, as before tf.data."""
    queue = tf.train.string_input_producer(FILES)
    _, record = tf.TFRecordReader().read(queue)
    image, label = _parse(record, height, width, classes)
    return tf.train.shuffle_batch([image, label], BATCH, 64, 16, num_threads=2)


def prefetch_queue(height, width, classes):
    """As train_image_classifier.py of the model zoo: tf.train.batch, then slim's prefetch queue."""
    queue = tf.train.string_input_producer(FILES)
    _, record = tf.TFRecordReader().read(queue)
    batch = tf.train.batch(_parse(record, height, width, classes), BATCH, 2, 5 * BATCH)
    return slim.prefetch_queue.prefetch_queue(batch, capacity=2).dequeue()
