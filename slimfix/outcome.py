"""What `migrate` and `verify_parity` have in common: the environment, the result, the error."""

from __future__ import annotations

import glob
import hashlib
import os
from typing import Mapping

from slimfix.errors import ParityError, UnsupportedEnvironmentError, explain
from slimfix.migration import Migration
from slimfix.parity import Level, ParityResult, Verdict
from slimfix.report.as_html import format_html
from slimfix.report.as_json import format_json
from slimfix.report.result import MigrationResult
from slimfix.report.summary import describe_verdict

_JSON_FILE = "parity.json"
_HTML_FILE = "parity.html"

# Of the verdict, in an error: what failed comes first.
_SENTENCES = 2

# Older ones forget the names of some operations in a saved model.
_OLDEST_KERAS = (3, 12)


def check_environment() -> None:
    """Raises UnsupportedEnvironmentError unless Keras 3.12 or later is installed."""
    try:
        import keras

        version = keras.__version__
    except ImportError:
        version = "none"
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers < _OLDEST_KERAS:
        raise UnsupportedEnvironmentError(
            explain(
                f"Migration needs Keras {_OLDEST_KERAS[0]}.{_OLDEST_KERAS[1]} or later; "
                f"installed: {version}",
                cause="this is the legacy environment, where slimfix trains and saves only.",
                fix="copy the checkpoint and its .meta to an environment with Python 3.10 or "
                "later, and there: pip install slimfix",
            )
        )


def build_result(
    migration: Migration,
    parity: ParityResult,
    files: Mapping[str, str],
    checksums: Mapping[str, str],
) -> MigrationResult:
    """Returns what every face of the report reads.

    Args:
      migration: what was planned.
      parity: the proof.
      files: what each written file is, by its path.
      checksums: sha256 by path of files besides the checkpoint's and the graph.
    """
    return MigrationResult(
        checkpoint=migration.checkpoint.prefix,
        meta=migration.meta,
        inputs={record.tensor: record.name for record in migration.plan.inputs},
        outputs=migration.signature.outputs,
        switches=migration.function.switches,
        variables=migration.variables,
        notes=migration.notes,
        parity=parity,
        files=files,
        checksums={**checksums, **_checksums_of_source(migration)},
    )


def _checksums_of_source(migration: Migration) -> dict[str, str]:
    prefix = glob.escape(migration.checkpoint.prefix)
    found = [f"{migration.checkpoint.prefix}.index", *sorted(glob.glob(f"{prefix}.data-*"))]
    found += [migration.checkpoint.prefix, migration.meta]  # V1, or a frozen graph, is one file.
    return {path: sha256_of(path) for path in dict.fromkeys(found) if os.path.isfile(path)}


def report_files(output_dir: str) -> dict[str, str]:
    """Returns what each file of a report is, by its path."""
    return {
        os.path.join(output_dir, _JSON_FILE): "parity report for programs",
        os.path.join(output_dir, _HTML_FILE): "parity report for people",
    }


def write_report(folder: str, result: MigrationResult) -> None:
    """Writes the report of a proof, for programs and for people."""
    write_text(os.path.join(folder, _JSON_FILE), format_json(result))
    write_text(os.path.join(folder, _HTML_FILE), format_html(result))


def write_text(path: str, text: str) -> None:
    """Writes a file in UTF-8."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def sha256_of(path: str) -> str:
    """Returns the SHA-256 of a file, in 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


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
            else "mend the model there; if slimfix made it, report it with the graph's nodes "
            "around that layer.",
        )
    )
    error.result = result
    return error


def _items(parity: ParityResult) -> list[str]:
    rows = (*parity.layers, *(parity.training or ()), *(parity.gradients or ()))
    items = [*parity.weights.different, *parity.settings.different]
    items += [
        f"'{row.layer}' ({row.kind}), graph tensor '{row.tensor}': float64 error "
        f"{row.function_error:.1e} relative to its largest value {row.scale:.3g}"
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
    differs = parity.weights.different or parity.settings.different
    fitting = parity.diagnosis.fitting if parity.diagnosis else ()
    if parity.diagnosis and fitting and not (is_ours and differs):
        found = "; ".join(trial.hypothesis for trial in fitting)
        return f"at '{parity.diagnosis.layer}': {found}."
    if differs:
        return "weights or settings were lost or changed on the way into the Keras model."
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
