"""What the source of a model looks like, and that it builds the model whatever the scopes are."""

import numpy as np
import pytest

from slimfix.migration.records import InputRecord
from slimfix.source import format_source
from slimfix.source.steps import operations_need_names
from tests.source.conftest import PlanMaker

# What an operation takes beside one tensor.
ARGUMENTS = {
    "add": ["ones"],
    "batch_normalization": ["ones", "ones", -1],
    "expand_dims": [0],
}
L2 = {"class_name": "L2", "config": {"l2": 5e-05}, "module": "keras.regularizers"}


def conv(maker, scope, source, filters, size=(3, 3), relu=True):
    source = maker.layer(
        "layers.Conv2D",
        scope,
        [source],
        filters=filters,
        kernel_size=size,
        kernel_regularizer=L2,
        padding="same",
        data_format="channels_last",
    )
    return maker.layer("layers.ReLU", f"{scope}/Relu", [source]) if relu else source


def body(source):
    """The lines of build_model."""
    return source.partition("def build_model():")[2].partition("\n\n\n")[0].splitlines()[1:]


def test_a_tiny_net_is_a_list_of_lines(maker, rebuilt):
    x = conv(maker, "net/conv", "x:0", 7)
    x = maker.layer("layers.Flatten", "net/flat", [x], data_format="channels_last")
    x = maker.layer("layers.Dense", "net/logits", [x], units=3, kernel_regularizer=None)
    source = rebuilt(maker.plan(x))
    assert source.count("def ") == 1
    assert body(source) == [
        '    """Returns the model, with initial weights."""',
        '    inputs = keras.Input((6, 5, 4), dtype="float32", name="x")',
        "    x = layers.Conv2D(",
        "        7,",
        "        (3, 3),",
        "        kernel_regularizer=keras.regularizers.L2(5e-05),",
        '        padding="same",',
        '        data_format="channels_last",',
        '        name="net__conv",',
        "    )(inputs)",
        '    x = layers.ReLU(name="net__conv__Relu")(x)',
        '    x = layers.Flatten(data_format="channels_last", name="net__flat")(x)',
        '    x = layers.Dense(3, name="net__logits")(x)',
        '    return keras.Model(inputs, x, name="net")',
    ]


def test_alike_blocks_share_a_function_and_a_number_makes_a_loop(maker, rebuilt):
    x = conv(maker, "net/conv1", "x:0", 7, (1, 2))
    for i in range(3, 8):
        x = conv(maker, f"net/deep/conv{i}_b", x, 9)
    source = rebuilt(maker.plan(x))
    assert "def conv_relu(x, name, filters, kernel_size):\n" in source
    assert '    """net/conv1, and 5 scopes like it."""\n' in source
    assert '    return layers.ReLU(name=f"{name}__Relu")(x)\n' in source
    assert body(source)[2:] == [
        '    x = conv_relu(inputs, "net__conv1", 7, (1, 2))',
        "    for i in range(3, 8):",
        '        x = conv_relu(x, f"net__deep__conv{i}_b", 9, (3, 3))',
        '    return keras.Model(inputs, x, name="net")',
    ]


def test_a_longer_net_has_headings(maker, rebuilt):
    x = "x:0"
    for block, sizes in {"block1": (2, 3), "block2": (4, 5, 6)}.items():
        for i, size in enumerate(sizes):
            x = conv(maker, f"net/{block}/conv{i}", x, size, relu=False)
            x = maker.layer("layers.ELU", f"net/{block}/elu{i}", [x])
    lines = body(rebuilt(maker.plan(x)))
    first = lines.index("    # net/block1")
    assert lines[first - 1] == ""
    assert lines[first + 1].startswith("    x = layers.Conv2D(")
    assert lines.index("    # net/block2") > first


@pytest.mark.parametrize("break_it", ["number", "value", "end point"])
def test_no_loop_where_more_than_a_number_differs(maker, rebuilt, break_it):
    numbers = [1, 2, 4] if break_it == "number" else [1, 2, 3]
    x, ends = "x:0", []
    for i in numbers:
        x = conv(maker, f"net/conv{i}", x, 8 if break_it == "value" and i == 2 else 9)
        ends.append(x)
    source = rebuilt(maker.plan(*(ends[1:] if break_it == "end point" else ends[-1:])))
    assert "for i in" not in source
    assert source.count("= conv_relu(") == 3


def test_a_residual_unit_names_its_paths(maker, rebuilt):
    x = "x:0"
    for i in (1, 2):
        scope = f"net/unit_{i}"
        short = conv(maker, f"{scope}/shortcut", x, 5 + i, relu=False)
        y = conv(maker, f"{scope}/conv1", x, 2 * i)
        y = conv(maker, f"{scope}/conv2", y, 5 + i)
        x = maker.layer("layers.Add", f"{scope}/add", [short, y])
    source = rebuilt(maker.plan(x))
    unit = source.partition("def unit(")[2].partition("\n\n")[0]
    assert unit.startswith("x, name, shortcut_filters, conv1_filters):\n")
    assert unit.endswith(
        '    conv1 = conv_relu(x, f"{name}__conv1", conv1_filters)\n'
        '    conv2 = conv_relu(conv1, f"{name}__conv2", shortcut_filters)\n'
        '    return layers.Add(name=f"{name}__add")([shortcut, conv2])'
    )
    assert '    x = unit(inputs, "net__unit_1", 6, 2)\n' in source
    assert '    x = unit(x, "net__unit_2", 7, 4)\n' in source


def test_ops_scopes_that_were_opened_again_are_followed(maker, rebuilt):
    """slim's inception: variables in 'Net/conv1', ops in 'Net/Net/conv1'."""
    x = "x:0"
    for i in (1, 2):
        node = f"Net/Net/conv{i}/Conv2D"
        x = maker.layer(
            "layers.Conv2D", f"Net/conv{i}", [x], node=node, filters=3 + i, kernel_size=(1, 1)
        )
        x = maker.layer("layers.ReLU", f"Net/Net/conv{i}/Relu", [x])
    source = rebuilt(maker.plan(x))
    assert '    return layers.ReLU(name=f"Net__{name}__Relu")(x)\n' in source
    assert '    x = conv_relu(inputs, "Net__conv1", 4)\n' in source


def test_scopes_that_feed_each_other_in_a_circle_run_in_order(maker, rebuilt):
    x = conv(maker, "a/one", "x:0", 3)
    y = conv(maker, "b/one", x, 4)
    z = conv(maker, "a/two", y, 5)
    source = rebuilt(maker.plan(maker.layer("layers.Concatenate", "b/end", [z, y], axis=-1)))
    order = [source.index(f'"{name}"') for name in ("a__one", "b__one", "a__two", "b__end")]
    assert order == sorted(order)


def test_a_shared_layer_is_one_object(rebuilt, maker):
    first = conv(maker, "net/conv", "x:0", 4, relu=False)
    maker.layers.append(maker.layers[-1].__class__(**{
        **maker.layers[-1].__dict__, "inputs": (first,), "outputs": ("net/conv_1/Conv2D:0",)
    }))  # fmt: skip
    source = rebuilt(maker.plan(first, "net/conv_1/Conv2D:0"))
    assert source.count("layers.Conv2D(") == 1
    assert source.count("conv_layer(") == 2


HOSTILE = [
    'a"b',
    "a'b",
    "a\\",
    "1st",
    "class",
    "é…",
    "{x}",
    "x\ny",
    "#",
    '"""',
    "keras",
    "a%s",
    "  ",
    "a\\x00b",
]


@pytest.mark.parametrize("part", HOSTILE)
def test_any_scope_will_do(maker, rebuilt, part):
    """Scopes are untrusted text: in names, comments, docstrings and identifiers."""
    x = "x:0"
    for i in (1, 2):
        x = conv(maker, f"{part}/{part}{i}", x, 3)
        x = maker.layer("layers.Add", f"{part}/{part}", [x, x], name=f"{part}_{i}")
    x = maker.layer("layers.Activation", f"{part}/end/{part}", [x], activation="tanh")
    for i in range(3):
        x = conv(maker, f"{part}/loop{i}", x, 4)
    rebuilt(maker.plan(x))


def test_operations_keep_their_arguments(maker, rebuilt):
    ramp = np.linspace(0.1, 1.7, 4, dtype=np.float32)
    x = maker.layer("ops.subtract", "sub", ["x:0"], x1=1.5)
    x = maker.layer("ops.multiply", "mul", [x], x2=ramp)
    x = maker.layer("ops.add", "fill", [x], x2=np.full([4], 0.3, np.float32))
    x = maker.layer("ops.add", "long", [x], x2=np.arange(20, dtype=np.float32).reshape(5, 4) / 7)
    x = maker.layer("ops.max", "max", [x], axis=(1,), keepdims=True)
    x = maker.layer("ops.squeeze", "squeezed", [x], axis=(1,))
    source = rebuilt(maker.plan(x))
    assert "    x = ops.subtract(1.5, inputs)\n" in source
    assert 'np.full((4,), 0.3, "float32")' in source
    assert "    x = ops.add(x, CONSTANT_1)\n" in source
    assert "    x = ops.max(x, axis=(1,), keepdims=True)\n" in source
    assert "# fmt: off\nCONSTANT_1 = np.array([\n" in source


def test_a_regularizer_that_is_not_there_is_not_said(maker, rebuilt):
    """The layer of slimfix takes it, as Keras's does, but behind **kwargs."""
    settings = {"momentum": 0.9, "beta_regularizer": None}
    x = maker.layer("slimfix.SlimBatchNormalization", "norm", ["x:0"], **settings)
    source = rebuilt(maker.plan(x))
    assert 'slimfix.SlimBatchNormalization(momentum=0.9, name="norm")(inputs)' in source


def test_an_operation_with_several_outputs(maker, rebuilt):
    maker.layer("ops.split", "parts", ["x:0"], outputs=2, indices_or_sections=2, axis=3)
    one, two = "parts/split:0", "parts/split:1"
    x = maker.layer("layers.Subtract", "net/sub", [two, one])
    source = rebuilt(maker.plan(x))
    assert "    parts_0, parts_1 = ops.split(inputs, 2, axis=3)\n" in source


def test_an_operation_cannot_hit_the_name_of_a_layer(maker, rebuilt):
    """Keras would call the first operation 'add', as the layer is."""
    import keras

    x = maker.layer("layers.Add", "add", ["x:0", "x:0"])
    x = maker.layer("ops.add", "more", [x], x2=1.0)
    keras.utils.clear_session()
    source = rebuilt(maker.plan(x))
    assert '    x = named("more", ops.add(x, 1.0))\n' in source


@pytest.mark.parametrize(
    "name",
    [
        "abs",
        "add",
        "batch_normalization",
        "conj",
        "expand_dims",
        "hard_swish",
        "layer_normalization",
        "log1p",
        "rms_normalization",
        "swish",
    ],
)
def test_what_keras_calls_an_operation_is_known(name):
    """Each operation is called as Keras would call it in the net of which it is a part."""
    import keras

    more = [np.ones(4, "float32") if a == "ones" else a for a in ARGUMENTS.get(name, [])]
    made = getattr(keras.ops, name)(keras.Input((4,)), *more)
    counted = made._keras_history.operation.name
    plan = PlanMaker()
    plan.layer("layers.ReLU", counted, ["x:0"])
    plan.layer(f"ops.{name}", "own", ["x:0"])
    assert operations_need_names(plan.plan())


def test_a_parameter_does_not_hide_a_function(maker, rebuilt):
    """A scope may be called as a setting is."""
    x = "x:0"
    for block in range(1, 4):
        for part in range(1, 4):
            for i, scope in enumerate("abcde"):
                x = conv(maker, f"net/block{block}/filters_{part}/{scope}", x, 3 + block)
                x = maker.layer("layers.ReLU", f"net/block{block}/filters_{part}/r{i}", [x])
    source = rebuilt(maker.plan(x))
    assert "def filters(x, name, filters):" in source
    assert 'filters(x, f"{name}__filters_{i}", filters_2)\n' in source


def test_several_inputs_and_outputs_in_float64(maker, rebuilt):
    maker.inputs = (
        InputRecord("a:0", "a", (None, 3), "float64"),
        InputRecord("b:0", "class", (None, 2), "float64"),
    )
    x = maker.layer("layers.Dense", "one", ["a:0"], units=4, dtype="float64")
    y = maker.layer("layers.Dense", "two", ["b:0"], units=4, dtype="float64")
    z = maker.layer("layers.Multiply", "product", [x, y], dtype="float64")
    source = rebuilt(maker.plan(z, x))
    assert 'dtype="float64", name="one")(a)' in source
    assert "    return keras.Model([a, class_], [" in source


def test_the_text_is_the_same_each_time(maker):
    from slimfix.source import About

    plan = maker.plan(conv(maker, "net/conv", "x:0", 3))
    about = About('a"""b\\', "net", "w.h5")
    assert format_source(plan, about) == format_source(plan, about)
    compile(format_source(plan, about), "model.py", "exec")
