"""Finds normalisations written out in primitive ops, as `tf.nn.batch_normalization` does:

inv = rsqrt(variance + epsilon) * gamma
output = x * inv + (beta - mean * inv)  # or, without beta, + (-mean * inv)

or as textbooks do:

output = (x - mean) / sqrt(variance + epsilon) * gamma + beta  # or * rsqrt(...)
"""

from __future__ import annotations

import dataclasses
from typing import Iterator

from slimfix import names
from slimfix.graphdef.constants import read_scalar, read_sizes
from slimfix.graphdef.control_flow import Branch, enclosing_branch
from slimfix.graphdef.normalisation import Normalisation
from slimfix.graphdef.variables import PASSIVE_OPS, VARIABLE_OPS, trace_variable
from slimfix.graphdef.view import GraphView, Node

_ADD_OPS = ("Add", "AddV2")
# Between a statistic and the formula: what only shapes it, or chooses it in a `tf.cond`.
_SHAPING_OPS = PASSIVE_OPS | frozenset(["Merge", "RefMerge"])


@dataclasses.dataclass(frozen=True)
class _Formula:
    """The tensors of a formula above, and its nodes in the order in which they run."""

    input: str
    variance: str
    epsilon: float
    scale: str | None
    mean: str
    offset: str | None
    nodes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class _Sources:
    """Where a mean or variance comes from: a variable, the batch, or either by a `tf.cond`."""

    variable: str | None
    batch: tuple[str, ...]
    branch: Branch | None


def find_written_out(view: GraphView) -> list[Normalisation]:
    """Returns the normalisations written out in primitive ops, layer and instance norm included."""
    found = []
    for node in view.nodes.values():
        formulas = list(_match(view, node)) if node.op == "Rsqrt" else []
        found += [_read(view, formula) for formula in formulas]
        if node.op in ("Rsqrt", "Sqrt") and not formulas:
            centred = [_read(view, formula) for formula in _match_centred(view, node)]
            found += [each for each in centred if _is_normalisation(each)]
    return found


def _is_normalisation(found: Normalisation) -> bool:
    """Tells whether what divides a difference is a variance, by where both come from.

    A step of an optimizer divides by the root of a variable too, but subtracts none.
    """
    if found.moving_variance or found.moving_mean:
        return bool(found.moving_variance and found.moving_mean)
    return bool(found.batch_mean and found.batch_variance)


def _match_centred(view: GraphView, root: Node) -> Iterator[_Formula]:
    """Yields the textbook's formula for a Sqrt that divides, or a Rsqrt that multiplies."""
    variance, epsilon = _split_sum(view, view.producer(_past_casts(view, root.inputs[0])))
    if variance is None or epsilon is None:
        return
    joins = ("Div", "RealDiv") if root.op == "Sqrt" else ("Mul",)
    for result in _readers(view, root, *joins):
        if root.op == "Sqrt" and not _past_casts(view, result.inputs[1]).startswith(
            root.name + ":"
        ):
            continue
        difference = view.producer(_other_input(view, result, root))
        if difference.op != "Sub":
            continue
        product, scale = _find_parameter_op(view, result, "Mul")
        total, offset = _find_parameter_op(view, product, *_ADD_OPS)
        chain = (root, difference, result, product, total)
        yield _Formula(
            input=difference.inputs[0],
            variance=variance,
            epsilon=epsilon,
            scale=scale,
            mean=difference.inputs[1],
            offset=offset,
            nodes=tuple(dict.fromkeys(node.name for node in chain)),
        )


def _find_parameter_op(view: GraphView, node: Node, *ops: str) -> tuple[Node, str | None]:
    """Returns the reader that joins a node with a variable, and that; or the node and None."""
    for reader in _readers(view, node, *ops):
        other = _other_input(view, reader, node)
        if trace_variable(view, other):
            return reader, other
    return node, None


def _match(view: GraphView, rsqrt: Node) -> Iterator[_Formula]:
    root = _past_casts(view, rsqrt.inputs[0])
    variance, epsilon = _split_sum(view, view.producer(root))
    if variance is None or epsilon is None:
        return
    scalings = [(rsqrt, None)] + [
        (product, _other_input(view, product, rsqrt)) for product in _readers(view, rsqrt, "Mul")
    ]
    for inverse, scale in scalings:
        for mean_term in _readers(view, inverse, "Mul"):
            factor = _other_input(view, mean_term, inverse)
            for shift, mean, offset in _find_shifts(view, mean_term, factor):
                for output in _readers(view, shift, *_ADD_OPS):
                    x_term = view.producer(_other_input(view, output, shift))
                    if x_term.op == "Mul" and _reads(view, x_term, inverse):
                        chain = (rsqrt, inverse, mean_term, shift, x_term, output)
                        yield _Formula(
                            input=_other_input(view, x_term, inverse),
                            variance=variance,
                            epsilon=epsilon,
                            scale=scale,
                            mean=mean,
                            offset=offset,
                            nodes=tuple(dict.fromkeys(node.name for node in chain)),
                        )


def _split_sum(view: GraphView, node: Node) -> tuple[str | None, float | None]:
    if node.op not in _ADD_OPS:
        return None, None
    for variance, constant in (node.inputs, node.inputs[::-1]):
        epsilon = read_scalar(view, constant)
        if epsilon is not None:
            return variance, epsilon
    return None, None


def _find_shifts(
    view: GraphView, mean_term: Node, factor: str
) -> Iterator[tuple[Node, str, str | None]]:
    """Yields (node, mean, offset) for `offset - mean * inv`, or `-mean * inv` without offset."""
    for node in _readers(view, mean_term, "Sub"):
        if _past_casts(view, node.inputs[1]).startswith(mean_term.name + ":"):
            yield node, factor, node.inputs[0]
    if view.producer(factor).op == "Neg":
        yield mean_term, view.producer(factor).inputs[0], None


def _readers(view: GraphView, node: Node, *ops: str) -> list[Node]:
    """Returns the nodes of these types that read a node's output, directly or through a Cast."""
    direct = [each for each in view.consumers(node.name) if node.name not in each.control_inputs]
    casts = [each for each in direct if each.op == "Cast"]
    beyond = [each for cast in casts for each in view.consumers(cast.name)]
    return [each for each in direct + beyond if each.op in ops]


def _past_casts(view: GraphView, tensor: str) -> str:
    while view.producer(tensor).op == "Cast":
        tensor = view.producer(tensor).inputs[0]
    return tensor


def _reads(view: GraphView, reader: Node, node: Node) -> bool:
    return any(_past_casts(view, each).startswith(node.name + ":") for each in reader.inputs)


def _other_input(view: GraphView, reader: Node, node: Node) -> str:
    """Returns the input of a binary op that does not come from `node`."""
    left, right = (_past_casts(view, each) for each in reader.inputs)
    return right if left.startswith(node.name + ":") else left


def _read(view: GraphView, formula: _Formula) -> Normalisation:
    mean = _trace(view, formula.mean)
    variance = _trace(view, formula.variance)
    training = "switched" if variance.branch else "training"
    return Normalisation(
        kind="written out",
        mode=training if variance.batch else "inference",
        branch=variance.branch,
        nodes=formula.nodes,
        input=formula.input,
        output=names.join_tensor_name(formula.nodes[-1], 0),
        scale=formula.scale,
        offset=formula.offset,
        moving_mean=mean.variable,
        moving_variance=variance.variable,
        batch_mean=mean.batch,
        batch_variance=variance.batch,
        epsilon=formula.epsilon,
        data_format=None,
        axis=_axis(view, formula.mean),
    )


def _axis(view: GraphView, mean: str) -> int:
    """Returns 1 where the mean is shaped [1, channels, 1, ...] to meet the input, else -1."""
    found = view.ancestors(
        [view.producer(mean).name], control=False, stop=lambda node: node.op not in _SHAPING_OPS
    )
    for node in view.in_order(found):
        shape = read_sizes(view, node.inputs[1]) if node.op == "Reshape" else None
        if shape and len(shape) > 2 and shape[-1] == 1 and shape[1] != 1:
            return 1
    return -1


def _trace(view: GraphView, tensor: str) -> _Sources:
    """Walks back to where a statistic comes from, into both branches of a `tf.cond`."""
    variable: str | None = None
    branch: Branch | None = None
    batch: list[str] = []
    seen: set[str] = set()
    pending: list[tuple[str, str | None]] = [(tensor, None)]  # And the way into its branch.
    while pending:
        current, entry = pending.pop()
        node = view.producer(current)
        if current in seen or node.op == "Const":
            continue
        seen.add(current)
        if node.op in ("Merge", "RefMerge"):
            pending += [(each, entry or each) for each in node.inputs]
        elif node.op in PASSIVE_OPS:
            pending.append((node.inputs[0], entry))
        elif node.op in VARIABLE_OPS:
            variable = node.name
        else:
            batch.append(current)
            branch = enclosing_branch(view, entry) if entry else branch
    return _Sources(variable, tuple(batch), branch)
