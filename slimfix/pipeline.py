"""The whole way from a TensorFlow 1 checkpoint to a verified Keras 3 model on disk."""

from __future__ import annotations

import os
from typing import Sequence

from slimfix.errors import ParityError, explain
from slimfix.folder import check_is_free, new_folder
from slimfix.migration import Migration, convert
from slimfix.migration.eager import run_eagerly
from slimfix.parity import ParityResult, Verdict, read_recording, verify_parity
from slimfix.report.as_html import format_html
from slimfix.report.as_json import format_json
from slimfix.report.result import MigrationResult

MODEL_FILE = "model.keras"
JSON_FILE = "parity.json"
HTML_FILE = "parity.html"


def migrate(
    checkpoint: str,
    output_dir: str,
    meta: str | None = None,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    recording: str | None = None,
) -> MigrationResult:
    """Writes a verified Keras 3 model of a TensorFlow 1 checkpoint, or nothing.

    The proof is made on the file that was written, loaded with plain Keras.

    Args:
      checkpoint: checkpoint prefix, e.g. 'runs/model.ckpt-100'.
      output_dir: folder to make; holds model.keras, parity.json and parity.html afterwards.
      meta: path of the graph; None for `checkpoint` + '.meta'.
      inputs: tensor names; () to find them.
      outputs: tensor names; () to find them.
      recording: .npz that the original network wrote; None to run its graph now.
    Returns: MigrationResult: the variables accounted for, the proof, the files.
    Raises:
      UsageError: a file or name is wrong, or `output_dir` exists.
      MigrationError: the graph cannot be converted, or the checkpoint is no good.
      ParityError: the model does not compute what the graph computes; nothing is left behind.
    """
    check_is_free(output_dir)
    recorded = read_recording(recording) if recording else None
    migration = convert(checkpoint, meta, inputs, outputs)
    with new_folder(output_dir) as folder:
        model_path = os.path.join(folder, MODEL_FILE)
        run_eagerly(migration.model.save, model_path)
        parity = verify_parity(model_path, migration, recorded)
        if not parity.passed:
            raise _parity_error(parity)
        result = _result(migration, parity, output_dir)
        _write(os.path.join(folder, JSON_FILE), format_json(result))
        _write(os.path.join(folder, HTML_FILE), format_html(result))
    return result


def _result(migration: Migration, parity: ParityResult, output_dir: str) -> MigrationResult:
    return MigrationResult(
        checkpoint=migration.checkpoint.prefix,
        meta=migration.meta,
        inputs={record.tensor: record.name for record in migration.plan.inputs},
        outputs=migration.function.outputs,
        switches=migration.function.switches,
        variables=migration.variables,
        notes=migration.notes,
        parity=parity,
        files={
            os.path.join(output_dir, MODEL_FILE): "Keras 3 model; loads with plain Keras",
            os.path.join(output_dir, JSON_FILE): "parity report for programs",
            os.path.join(output_dir, HTML_FILE): "parity report for people",
        },
    )


def _parity_error(parity: ParityResult) -> ParityError:
    first = parity.first_difference
    different = [row for row in parity.layers if row.verdict is Verdict.DIFFERENT]
    items = [f"weight {line}" for line in parity.weights.different]
    items += [
        f"'{row.layer}' ({row.kind}), graph tensor '{row.tensor}': float64 error "
        f"{row.function_error:.1e} relative to its largest value {row.scale:.3g}"
        for row in different
    ]
    return ParityError(
        explain(
            "The migrated model does not compute what the original graph computes; no model was "
            f"written. {len(different)} of {len(parity.layers)} layers and "
            f"{len(parity.weights.different)} of {parity.weights.compared} weights differ"
            + (f". First in data-flow order: '{first.layer}'" if first else ""),
            items,
            cause="a fault in slimfix's converter of the first layer, since its inputs agree."
            if first and not parity.weights.different
            else "weights were lost or changed on the way into the .keras file.",
            fix="report it with the graph's nodes around that layer; leave the layer out with "
            "--inputs or --outputs until then.",
        )
    )


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
