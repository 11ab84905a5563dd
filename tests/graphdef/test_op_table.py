"""The table of ops says what TensorFlow's own registry says."""

import pytest

from slimfix.graphdef.op_table import RULES

KINDS = {
    **{"type": "type", "list(type)": "types", "shape": "shape", "list(shape)": "shapes"},
    **{"tensor": "tensor", "func": "func", "int": "i", "list(int)": "ints", "float": "f"},
    **{"bool": "b", "string": "s"},
}


def registered(op):
    """The OpDef of an op, None where this TensorFlow has it no more, or not yet."""
    from tensorflow.python.framework import op_def_registry

    if hasattr(op_def_registry, "get"):
        return op_def_registry.get(op)
    return op_def_registry.get_registered_ops().get(op)


@pytest.mark.parametrize("op", RULES)
def test_an_op_is_what_tensorflow_says(op):
    definition = registered(op)
    if definition is None:
        assert op == "StatelessRandomUniformV2"  # From TensorFlow 2.4 on.
        return
    rule = RULES[op]
    lists = [each for each in definition.input_arg if each.number_attr or each.type_list_attr]
    fixed = len(definition.input_arg) - len(lists)
    assert rule.inputs == fixed and rule.or_more == bool(lists)
    needed = {attr.name for attr in definition.attr if not attr.HasField("default_value")}
    assert rule.required == needed
    for attr in definition.attr:
        if attr.name in rule.kinds:
            assert (attr.name, rule.kinds[attr.name]) == (attr.name, KINDS[attr.type])
