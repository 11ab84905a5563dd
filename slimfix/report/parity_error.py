"""The error of a proof that failed: what differs, and the likely cause."""

from __future__ import annotations

from slimfix.errors import ParityError, explain
from slimfix.parity import Level, ParityResult, Verdict
from slimfix.report.domain import describe_variant
from slimfix.report.result import MigrationResult
from slimfix.report.summary import describe_verdict

# Of the verdict, in an error: what failed comes first.
_SENTENCES = 2


def parity_error(headline: str, result: MigrationResult, is_ours: bool) -> ParityError:
    """Returns the error of a proof that failed, with its result.

    Args:
      headline: what that means, a full sentence.
      result: of the proof.
      is_ours: whether slimfix made the model just now.
    """
    error = ParityError(
        explain(
            f"{headline} " + " ".join(describe_verdict(result)[:_SENTENCES]),
            _items(result.parity),
            cause=_cause(result.parity, is_ours),
            fix="report it with the graph's nodes around that layer; leave the layer out with "
            "--inputs or --outputs until then."
            if is_ours
            else "mend the model there, or name an operation that is meant to be there with "
            "allow_layers (--allow_layers); if slimfix made it, report it with the graph's nodes "
            "around that layer.",
        )
    )
    error.result = result
    return error


def _items(parity: ParityResult) -> list[str]:
    beyond = parity.domain.different if parity.domain else ()
    inside = [each.layer for each in beyond if each.layer is not None]
    rows = (*parity.layers, *inside, *(parity.training or ()), *(parity.gradients or ()))
    items = [*parity.unequal]
    items += [
        f"'{row.layer}' ({row.kind}), graph tensor '{row.tensor}': float64 error "
        f"{row.function_error:.1e} relative to its largest value {row.scale:.3g}"
        + (f"; {row.cause}" if row.cause else "")
        for row in rows
        if row.verdict is Verdict.DIFFERENT
    ]
    items += [
        f"'{each.weight}', variable '{each.variable}': float64 error {each.function_error:.1e} "
        "after one training step"
        for each in parity.statistics
        if each.verdict is Verdict.DIFFERENT
    ]
    steps = parity.trajectory.steps if parity.trajectory else ()
    wrong = [step for step in steps if step.verdict is Verdict.DIFFERENT]
    if wrong:
        first = wrong[0]
        items.append(
            f"step {first.step} of {len(steps)}: float64 error {first.loss_errors[0]:.1e} of the "
            f"loss, {first.weight_errors[0]:.1e} of weight '{first.worst_weight}'"
        )
    return items


def _cause(parity: ParityResult, is_ours: bool) -> str:
    first = parity.first_difference
    if first is not None and first.cause:
        return f"'{first.layer}' is {first.cause}."
    if parity.domain and parity.domain.different:
        where = "; ".join(describe_variant(each) for each in parity.domain.different)
        return f"it is the same for other inputs, and another for such as {where}."
    differs = parity.unequal
    fitting = parity.diagnosis.fitting if parity.diagnosis else ()
    if parity.diagnosis and fitting and not (is_ours and differs):
        found = "; ".join(trial.hypothesis for trial in fitting)
        return f"at '{parity.diagnosis.layer}': {found}."
    if differs == parity.structure.different and differs:
        return "the model was written or changed by hand, by operations that are named above."
    if differs:
        if is_ours:
            return "weights or settings were lost or changed on the way into the Keras model."
        return "the model has weights or settings that are not the checkpoint's or the graph's."
    failed = next((level.level for level in parity.levels if not level.passed), Level.INFERENCE)
    if failed is Level.TRAJECTORY:
        return (
            "one step agrees in all but the loss or the optimizer: a penalty (slim's "
            "l2_regularizer(s) is Keras's L2(s / 2)), or what is trained."
        )
    if failed is Level.INFERENCE and not is_ours:
        return "its inputs agree, so that it is that layer; nothing that was tried on it fits."
    if failed is Level.INFERENCE:
        return (
            "a fault in the converter of the first layer, since its inputs agree: slimfix's, or "
            "yours if op_converters has it."
        )
    return "inference agrees, training does not: see the notes on what Keras does otherwise."
