"""Python that users write: op converters, network functions; wrong in every way but hostile."""

from __future__ import annotations

import os
import sys
from random import Random
from typing import Any, Sequence

from tests.fuzz.case import Call, Damage, Family, Net, WrongValue
from tests.fuzz.damage.raw import damage_bytes
from tests.fuzz.families.nets import META, PREFIX, golden

# What a statement does, at import or in the function.
_FAILS = (
    "raise SystemExit(3)",
    "import sys; sys.exit()",
    "exit",
    "raise GeneratorExit",
    "class Own(BaseException): pass\n{i}raise Own('of my own')",
    "class Mute(Exception):\n{i}  def __str__(self): raise ValueError('no text')\n{i}raise Mute",
    "raise ValueError",
    "raise ValueError('two\\nlines')",
    "1 / 0",
    "import no_such_module",
    "from tensorflow import contrib",
    "def f(): return f()\n{i}f()",
    "raise StopIteration",
    "raise MemoryError",
    "undefined",
    "raise KeyError('x')",
    "assert False",
    "raise type('X', (Exception,), {{}})('\\x1b[31m')",
    "import asyncio; raise asyncio.CancelledError",
    "raise UnicodeDecodeError('utf-8', b'x', 0, 1, 'bad')",
    "import tensorflow.compat.v1 as tf; tf.reset_default_graph()",
    "import tensorflow.compat.v1 as tf; tf.get_default_graph().finalize()",
)
_RETURNS = (
    "None",
    "0",
    "'x'",
    "[]",
    "{{}}",
    "object()",
    "(1, 2)",
    "lambda: 0",
    "iter(())",
    "node",
    "planner",
    "True",
    "planner.layer('layers.Nothing', node.name, node.inputs[:1], node, {{}})",
    "planner.layer('ops.negative', node.name, ['nowhere:0'], node, {{}})",
    "planner.layer('ops.negative', node.name, ['nowhere'], node, {{}})",
    "planner.layer('ops.negative', 7, node.inputs[:1], node, {{}})",
    "planner.layer(7, node.name, node.inputs[:1], node, {{}})",
    "planner.layer('nowhere.negative', node.name, node.inputs[:1], node, {{}})",
    "planner.layer('ops.negative', node.name, node.inputs[:1], node, None)",
    "planner.layer('ops.negative', node.name, node.inputs[:1], node, {{'x': 1}})",
    "planner.layer('ops.negative', node.name, [], node, {{}})",
    "planner.layer('ops.negative', node.name, [7], node, {{}})",
    "planner.layer('ops.negative', node.name, node.inputs[:1], node, {{}}, output_count=3)",
    "planner.layer('ops.negative', node.name, node.inputs[:1], node, {{}}, output_count=0)",
    "planner.layer('layers.Dense', node.name, node.inputs[:1], node, {{'units': -1}})",
    "planner.layer('layers.Dense', node.name, node.inputs[:1], node, {{'units': 'x'}})",
    "planner.layer('layers.Dense', node.name, node.inputs[:1], node, {{'units': 3}})",
    "planner.layer('layers.Dense', node.name, node.inputs[:1], node, {{'no': 3}})",
    "planner.layer('layers.ReLU', node.name, node.inputs[:1], node, {{}}, ['weight'])",
    "planner.layer('layers.ReLU', node.name, node.inputs[:1], node, {{}}, 7)",
    "planner.layer('layers.ReLU', '/' * 9, node.inputs[:1], node, {{}})",
    "planner.layer('layers.ReLU', node.name, [node.name + ':0'], node, {{}})",
    "planner.layer('layers.Lambda', node.name, node.inputs[:1], node, {{'function': len}})",
    "planner.layer('layers.ReLU', node.name, [], node, {{}}, [planner.weight('w', 'x')])",
    "planner.layer('models.Model', node.name, node.inputs[:1], node, {{}})",
    "planner.layer('layers.ReLU', node.name, node.inputs[:1], node, {{'threshold': object()}})",
    "planner.layer('ops.reshape', node.name, node.inputs[:1], node, {{'newshape': (3, -7)}})",
    "planner.layer('ops.tile', node.name, node.inputs[:1], node, {{'repeats': (1, 2)}})",
    "__import__('dataclasses').replace(planner.layer('layers.ReLU', node.name, node.inputs[:1], "
    "node, {{}}), outputs='x', notes=3)",
)
_NETWORK_RETURNS = (
    "None",
    "3",
    "'x'",
    "[]",
    "{{}}",
    "inputs",
    "(inputs, None)",
    "[[net]]",
    "{{'a': 3}}",
    "(net, {{}})",
    "(net, {{3: net}})",
    "(net, {{None: net}})",
    "object()",
    "(net, net)",
    "iter([net])",
    "tf.Graph()",
    "net.op",
    "net.name",
    "tf.zeros([3])",
    "tf.Variable(1.0)",
    "tf.sparse.from_dense(net)",
    "tf.RaggedTensor.from_row_splits([1., 2.], [0, 2])",
    "tf.no_op()",
    "other()",
    "tf.constant('text')",
    "tf.placeholder(tf.float32)",
    "[inputs, inputs]",
    "tf.reshape(net, [-1])",
    "tf.random.normal([3])",
    "tf.cast(net, tf.string)",
    "tf.raw_ops.Fact()",
)
_HEADS = (
    "def network(inputs, is_training=False):",
    "def network(inputs, is_training):",
    "def network(*, inputs):",
    "def network():",
    "def network(inputs, more, less):",
    "def network(*args, **kwargs):\n    inputs = args[0]",
    "async def network(inputs):",
    "network = 3\ndef other(inputs):",
    "class network:\n  def __init__(self, inputs):",
    "import functools\n@functools.lru_cache\ndef network(inputs):",
    "def network(inputs):\n    yield inputs",
)
_BODY = """
    from slimfix import slim
    with slim.arg_scope([slim.batch_norm], is_training=False, scale=True):
        net = slim.conv2d(inputs, 4, [3, 2], normalizer_fn=slim.batch_norm, scope="net/conv")
"""
_MODULE = "fuzzed_module"


def _damage_source(random: Random, source: str) -> tuple[bytes, str]:
    """Damages the text of a module, so that it is mostly no Python any more."""
    changed, told = damage_bytes(random, source.encode())
    return changed, told


def damage_converter(random: Random, net: Net) -> Damage:
    op = random.choice(["Conv2D", "FusedBatchNormV3", "Relu", "Merge", "Add", "BiasAdd", "Reshape"])
    way = random.choice(["import", "call", "return", "return", "return", "text", "register"])
    head = f'from slimfix.migration import converts\n@converts("{op}")\ndef own(planner, node):\n'
    told, seen = way, f"    return {random.choice(_RETURNS).format()}\n"
    source = head + seen
    if way in ("import", "call"):
        told = random.choice(_FAILS)
        inside = "    " if way == "call" else ""
        text = inside + told.format(i=inside) + "\n"
        source = head + text if way == "call" else text + source
    elif way == "register":
        told = random.choice(["3", "None", "[]", "'Conv2D', 3", "{}", "object()"])
        source = source.replace(f'"{op}"', told)
    elif way == "return":
        told = seen.strip()
    text = source.encode()
    if way == "text":
        text, told = _damage_source(random, source)
    named = (_MODULE, f"{op} '")
    return Damage({**net.files, f"{_MODULE}.py": text}, f"{op}, {way}: {told}", False, named)


def damage_network(random: Random, net: Net) -> Damage:
    way = random.choice(["import", "call", "return", "return", "text", "head"])
    other = "def other():\n    with tf.Graph().as_default():\n        return tf.zeros([3])\n"
    start = "import tensorflow.compat.v1 as tf\n" + other
    head, told = "def network(inputs):\n", way
    text, result = _BODY, "net"
    if way == "head":
        head = random.choice(_HEADS)
        told = head
    elif way == "return":
        result = random.choice(_NETWORK_RETURNS).format()
        told = result
    elif way == "import":
        told = random.choice(_FAILS)
        start += told.format(i="") + "\n"
    elif way == "call":
        told = random.choice(_FAILS)
        text += "    " + told.format(i="    ") + "\n"
    source = (start + head + text + f"    return {result}\n").encode()
    if way == "text":
        source, told = _damage_source(random, source.decode())
    named = (_MODULE,)
    return Damage({**net.files, f"{_MODULE}.py": source}, f"{way}: {told}", False, named)


def _with_module(folder: str, work: Any) -> Any:
    """Runs work that imports the case's module, and forgets the module."""
    from slimfix.migration import registry

    sys.path.insert(0, folder)
    sys.path_importer_cache.clear()
    hook = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        return work()
    finally:
        sys.dont_write_bytecode = hook
        sys.path.remove(folder)
        sys.modules.pop(_MODULE, None)
        registry._OF_USERS.clear()
        _check_default_graph()


def _check_default_graph() -> None:
    import tensorflow.compat.v1 as tf

    if not tf.executing_eagerly():
        raise WrongValue("the caller's default graph is another one afterwards")


def plan_converted(folder: str, net: Net) -> None:
    """Plans a migration with converters of the user's."""
    from slimfix.migration import plan_migration
    from slimfix.network.checked import check_network
    from slimfix.network.sources import Source
    from slimfix.network.user_code import import_user_module

    def work() -> None:
        import_user_module(_MODULE, "op_converters")
        plan_migration(check_network(Source(os.path.join(folder, PREFIX))))

    _with_module(folder, work)


def migrate_converted(folder: str, net: Net) -> None:
    import slimfix

    prefix, output = os.path.join(folder, PREFIX), os.path.join(folder, "out")
    _with_module(folder, lambda: slimfix.migrate(prefix, output, op_converters=_MODULE))


def plan_network(folder: str, net: Net) -> None:
    """Plans the migration of a network that a function builds."""
    from slimfix.migration import plan_migration
    from slimfix.network.checked import check_network
    from slimfix.network.sources import Source

    prefix = os.path.join(folder, PREFIX)
    source = Source(prefix, network=f"{_MODULE}:network", input_shape=(5, 3, 2))
    _with_module(folder, lambda: plan_migration(check_network(source)))


def record_network(folder: str, net: Net) -> None:
    import slimfix

    prefix, output = os.path.join(folder, PREFIX), os.path.join(folder, "out.npz")
    given: dict[str, Any] = {"network": f"{_MODULE}:network", "input_shape": (5, 3, 2)}
    work = lambda: slimfix.record(prefix, output, levels=["L1"], progress=False, **given)  # noqa: E731
    _with_module(folder, work)


def nets() -> Sequence[Net]:
    return [golden("micro/rank4_scale")]


def _whole(source: str) -> Any:
    def find() -> Sequence[Net]:
        return [
            Net(net.name, {**net.files, f"{_MODULE}.py": source.encode()}, net.arguments)
            for net in nets()
        ]

    return find


FAMILIES = [
    Family(
        "op converters",
        4,
        _whole("\n"),
        damage_converter,
        (Call("plan", plan_converted, 1, META), Call("migrate", migrate_converted, 1, META)),
    ),
    Family(
        "network functions",
        4,
        _whole("import tensorflow\ndef network(inputs):\n" + _BODY + "    return net\n"),
        damage_network,
        (Call("plan", plan_network, 2), Call("record", record_network)),
    ),
]
