"""The table of ops says what TensorFlow's own registry says."""

import pytest

from slimfix.graphdef.op_table import RULES

KINDS = {
    **{"type": "type", "list(type)": "types", "shape": "shape", "list(shape)": "shapes"},
    **{"tensor": "tensor", "func": "func", "int": "i", "list(int)": "ints", "float": "f"},
    **{"bool": "b", "string": "s", "list(string)": "texts"},
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
    kinds = {attr.name: KINDS[attr.type] for attr in definition.attr}
    needed = {attr.name for attr in definition.attr if not attr.HasField("default_value")}
    assert rule.required == {name: kinds[name] for name in needed}
    # An older TensorFlow may not know each of them yet.
    assert rule.optional.items() & kinds.items() == {
        pair for pair in rule.optional.items() if pair[0] in kinds
    }
