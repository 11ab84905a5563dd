"""What a migration of ResNet-v1-50 costs, beside tf2onnx with onnx2keras, and beside the floor.

    python3.7 tests/golden/make_zoo.py build/zoo resnet_v1_50       # TensorFlow 1.15; once
    python3.11 -m venv build/peer                                   # the peer; once
    build/peer/bin/pip install tensorflow==2.15.1 tf2onnx==1.16.1 onnx==1.15.0 \\
        onnx2keras==0.0.24 'numpy<2' 'protobuf<5' 'setuptools<80'
    python benchmarks/migrate.py --zoo=build/zoo --peer=build/peer/bin/python

Each way is a process of its own, from its start to its end, and all take turns, round by round.
Printed are the median and the range of seconds and the largest peak memory of each, then ratios of
the same round: slimfix, which proves what it wrote, to the peer, which does not; and to the floor,
a process that imports TensorFlow and Keras, reads the checkpoint, builds keras.applications.
ResNet50 and saves it. The checkpoint is of 94 MB, without optimizer slots.

    python benchmarks/migrate.py --linear

converts two training graphs without a proof: one of over 15,000 nodes and 250 batch norms, and one
twice as deep, whose time should be twice as long.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
from absl import app, flags

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))

FLAGS = flags.FLAGS
flags.DEFINE_string("zoo", "build/zoo", "Folder that make_zoo.py wrote.")
flags.DEFINE_string("peer", None, "Python with tf2onnx and onnx2keras; left out if not given.")
flags.DEFINE_integer("rounds", 3, "Rounds.", lower_bound=1)
flags.DEFINE_bool("linear", False, "Convert two deep nets instead.")

FLOOR = """
import keras, sys, tensorflow as tf
reader = tf.train.load_checkpoint(sys.argv[1])
values = [reader.get_tensor(name) for name in reader.get_variable_to_shape_map()]
keras.applications.ResNet50(weights=None).save(sys.argv[2] + "/floor.keras")
"""
SLIMFIX = "import sys; from slimfix.commands.main import main; sys.exit(main(sys.argv[1:]))"
ONNX_TO_KERAS = """
import onnx, sys
from onnx2keras import onnx_to_keras
options = {"verbose": False, "name_policy": "renumerate"}
model = onnx_to_keras(onnx.load(sys.argv[1]), [sys.argv[2]], **options)
model.save(sys.argv[3])
"""
# Prints the seconds of each part, and the peak memory after it in MiB.
PARTS = """
import json, resource, sys, time
parts = {}
def part(name, function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    parts[name] = time.perf_counter() - start, peak
    return result
def imports():
    import keras, tensorflow
part("imports", imports)
from slimfix.migration import convert
from slimfix.parity import diff_parity
path = sys.argv[2] + "/parts.keras"
migration = part("convert", convert, *(sys.argv[i] for i in (1, 3, 4)))
part("save", migration.model.save, path)
if "parity" in sys.argv:
    part("parity", diff_parity, path, migration)
parts["nodes"] = len(migration.view.nodes)
print(json.dumps(parts))
"""
DEEP_NET = """
import sys
import tensorflow.compat.v1 as tf
from slimfix import slim
depth, prefix = int(sys.argv[1]), sys.argv[2]
tf.disable_v2_behavior()
images = tf.placeholder(tf.float32, [None, 8, 8, 3], name="images")
net = slim.conv2d(images, 4, 3, scope="first")
with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm,
                    normalizer_params={"is_training": True, "scale": True},
                    weights_regularizer=slim.l2_regularizer(1e-4)):
    for index in range(depth // 2):
        with tf.variable_scope(f"block{index}"):
            residual = slim.conv2d(net, 4, 3, scope="conv1")
            residual = slim.conv2d(residual, 4, 3, activation_fn=None, scope="conv2")
            net = tf.nn.relu(0.5 * net + residual)
loss = tf.losses.mean_squared_error(tf.zeros([1, 4]), tf.reduce_mean(net, [1, 2], name="output"))
slim.learning.create_train_op(loss, tf.train.GradientDescentOptimizer(0.1))
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    tf.train.Saver().save(session, prefix, write_state=False)
"""


def run(python, *arguments):
    """Returns seconds, peak MiB and what was printed of one process; raises where it fails."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        start = time.perf_counter()
        command = [python, *map(str, arguments)]
        process = subprocess.Popen(command, stdout=out, stderr=errors, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        for file in (out, errors):
            file.seek(0)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)[:300]} failed:\n{errors.read()[-3000:]}")
        return seconds, usage.ru_maxrss / 1024, out.read()  # Linux counts in KiB.


def write_resnet(folder):
    """Writes the weights and the inference graph of the zoo's net below one prefix."""
    from slimfix.checkpoint import read_checkpoint
    from slimfix.checkpoint.writer import write_checkpoint
    from slimfix.names import Role, role_of

    net = pathlib.Path(FLAGS.zoo) / "resnet_v1_50"
    opened = read_checkpoint(str(net / "training" / "model.ckpt"))
    left_out = (Role.OPTIMIZER_SLOT, Role.STEP)
    kept = [n for n in opened.variables if role_of(n, opened.variables) not in left_out]
    prefix = folder / "model.ckpt"
    write_checkpoint(str(prefix), {name: opened.read(name) for name in kept})
    graph = (net / "inference" / "model.ckpt.meta").read_bytes()
    (folder / "model.ckpt.meta").write_bytes(graph)
    names = json.loads((net / "net.json").read_text())["inference"]
    # onnx2keras cannot read the shape arithmetic of the predictions, so that logits are the output.
    return prefix, names["inputs"][0], names["outputs"][0]


def ways(folder, prefix, image, output):
    """Returns what is measured, by name: each a function of the round's own folder."""
    migrate = ["migrate", f"--checkpoint={prefix}", f"--inputs={image}", f"--outputs={output}"]
    found = {
        "floor": lambda room: [run(sys.executable, "-c", FLOOR, prefix, room)],
        "slimfix": lambda room: [
            run(sys.executable, "-c", SLIMFIX, *migrate, f"--output_dir={room}/out")
        ],
        "in parts": lambda room: [
            run(sys.executable, "-c", PARTS, prefix, room, image, output, "parity")
        ],
    }
    if FLAGS.peer:
        found["peer"] = lambda room: [
            run(
                FLAGS.peer,
                *("-m", "tf2onnx.convert", "--opset=11", "--checkpoint", f"{prefix}.meta"),
                *("--inputs", image, "--outputs", output, "--output", f"{room}/model.onnx"),
            ),
            run(FLAGS.peer, "-c", ONNX_TO_KERAS, f"{room}/model.onnx", image, f"{room}/peer.h5"),
        ]
    return found


def compare_ways(folder):
    """Measures all ways in turns and prints them."""
    prefix, image, output = write_resnet(folder)
    size = os.path.getsize(f"{prefix}.data-00000-of-00001") / 2**20
    seconds, peaks, parts, steps = {}, {}, [], []
    for _ in range(FLAGS.rounds):
        for name, way in ways(folder, prefix, image, output).items():
            with tempfile.TemporaryDirectory(dir=folder) as room:
                runs = way(room)
            seconds.setdefault(name, []).append(sum(each[0] for each in runs))
            peaks.setdefault(name, []).append(max(each[1] for each in runs))
            if name == "in parts":
                parts.append(json.loads(runs[0][2].splitlines()[-1]))
            if name == "peer":
                steps.append([each[0] for each in runs])
    print(f"ResNet-v1-50, {size:.0f} MiB, {FLAGS.rounds} rounds\n")
    print(f"{'way':<10}{'seconds':>9}{'range':>16}{'peak':>12}")
    for name, values in seconds.items():
        between = f"{min(values):.1f}..{max(values):.1f}"
        print(f"{name:<10}{np.median(values):>9.1f}{between:>16}{max(peaks[name]):>8.0f} MiB")
    print()
    for name in ("imports", "convert", "save", "parity"):
        took = np.median([each[name][0] for each in parts])
        print(f"  {name:<10}{took:>6.1f} s, peak up to {max(e[name][1] for e in parts):.0f} MiB")
    for name, column in zip(("tf2onnx", "onnx2keras"), zip(*steps)):
        print(f"  {name:<10}{np.median(column):>6.1f} s")
    print(f"\nslimfix / floor: {ratio(seconds, 'floor'):.2f} (aim: at most 2)")
    if FLAGS.peer:
        print(f"slimfix / peer:  {ratio(seconds, 'peer'):.2f} (aim: at most 0.25)")
    above = (max(peaks["slimfix"]) - max(peaks["floor"])) / size
    print(f"peak memory: the floor's and {above:.1f} times the checkpoint (aim: at most 1.5)")


def ratio(seconds, other):
    """Returns the median, over the rounds, of slimfix's time to another's."""
    return float(np.median(np.divide(seconds["slimfix"], seconds[other])))


def compare_depths(folder):
    """Converts two synthetic nets, one twice as deep, in turns."""
    depths, ends = (250, 500), ("images:0", "output:0")
    for depth in depths:
        (folder / str(depth)).mkdir()
        run(sys.executable, "-c", DEEP_NET, depth, folder / str(depth) / "model.ckpt")
    parts = {depth: [] for depth in depths}
    for _ in range(FLAGS.rounds):
        for depth in depths:
            room = folder / str(depth)
            printed = run(sys.executable, "-c", PARTS, room / "model.ckpt", room, *ends)[2]
            parts[depth].append(json.loads(printed.splitlines()[-1]))
    for depth, found in parts.items():
        took, peak = np.median([each["convert"] for each in found], axis=0)
        print(f"{found[0]['nodes']} nodes, {depth} batch norms: {took:.1f} s, peak {peak:.0f} MiB")
    shortest = [min(each["convert"][0] for each in parts[depth]) for depth in depths]
    print(f"twice the nodes: {shortest[1] / shortest[0]:.2f} times as long (shortest of each)")


def main(argv):
    """Measures one of the two."""
    if len(argv) > 1:
        raise app.UsageError(f"Too many arguments: {' '.join(argv[1:])}")
    with tempfile.TemporaryDirectory() as folder:
        (compare_depths if FLAGS.linear else compare_ways)(pathlib.Path(folder))


if __name__ == "__main__":
    app.run(main)
