"""The whole way from a TensorFlow 1 checkpoint to a verified Keras 3 model on disk."""

from __future__ import annotations

import dataclasses
import gc
import hashlib
import os
from typing import Any, Callable, Mapping, Sequence

from slimfix.errors import ParityError, UnsupportedEnvironmentError, UsageError, explain
from slimfix.folder import check_is_free, new_folder
from slimfix.migration import Migration, convert
from slimfix.migration.eager import run_eagerly
from slimfix.migration.ledger import close_books
from slimfix.network.sources import Source
from slimfix.network.user_code import import_user_module
from slimfix.parity import ParityResult, Verdict, diff_parity, read_recording
from slimfix.report.as_html import format_html
from slimfix.report.as_json import format_json
from slimfix.report.migration_json import format_migration_json
from slimfix.report.result import MigrationResult
from slimfix.report.summary import describe_verdict
from slimfix.source import About, check_source, format_source

MODEL_FILE = "model.keras"
WEIGHTS_FILE = "model.weights.h5"
SOURCE_FILE = "model.py"
ACCOUNT_FILE = "migration.json"
JSON_FILE = "parity.json"
HTML_FILE = "parity.html"

# Older ones forget the names of some operations in a saved model.
_OLDEST_KERAS = (3, 12)


def migrate(
    checkpoint: str | os.PathLike[str] | None = None,
    output_dir: str | os.PathLike[str] | None = None,
    meta: str | os.PathLike[str] | None = None,
    inputs: str | Sequence[str] = (),
    outputs: str | Sequence[str] = (),
    recording: str | os.PathLike[str] | None = None,
    *,
    frozen_graph: str | os.PathLike[str] | None = None,
    saved_model: str | os.PathLike[str] | None = None,
    network: str | Callable[..., Any] | None = None,
    network_kwargs: Mapping[str, Any] | None = None,
    input_shape: Sequence[int | None] = (),
    values: str | None = None,
    op_converters: str | None = None,
    exact_batch_norm: bool = False,
) -> MigrationResult:
    """Writes a verified Keras 3 model of a TensorFlow 1 network, or nothing.

    The proof is made on the file that was written, loaded with plain Keras.

    Args:
      checkpoint: checkpoint prefix, e.g. 'runs/model.ckpt-100'; None for a frozen graph or a
        SavedModel.
      output_dir: folder to make; holds model.keras, model.weights.h5, model.py,
        migration.json, parity.json and parity.html afterwards.
      meta: path of the graph; None for `checkpoint` + '.meta'.
      inputs: tensor names, or one; () to find them.
      outputs: end points, or one: tensor names, scopes that one tensor leaves, or regular
        expressions for node names; () to find them.
      recording: .npz that the original network wrote; None to run its graph now.
      frozen_graph: path of a GraphDef (.pb) with its weights in it.
      saved_model: folder of a TensorFlow 1 SavedModel.
      network: in place of `meta`: a function that builds the network with slim, or its name,
        'package.module:function'. It returns the output, or that and a dict of end points.
      network_kwargs: its keyword arguments; is_training=False is given where it knows it.
      input_shape: of its first argument, without the batch, e.g. (224, 224, 3); () for a function
        that makes its own placeholders.
      values: 'raw', or 'shadow' for the ExponentialMovingAverage of each variable that has one;
        has to be said where the checkpoint holds both.
      op_converters: module with converters of your own (`slimfix.migration.converts`).
      exact_batch_norm: whether batch norms become slimfix.SlimBatchNormalization, which trains to
        slim's moving_variance and debiases as slim does. model.keras then loads only where that
        name was imported; without it, with plain Keras.
    Returns: MigrationResult: the variables accounted for, the proof, the files.
    Raises:
      UsageError: a file or name is wrong, or `output_dir` exists.
      MigrationError: the graph cannot be converted, or the checkpoint is no good.
      ParityError: the model is not the graph's network; nothing is left behind. Its `result` is the
        MigrationResult, for the whole report.
      UnsupportedEnvironmentError: Keras 3.12 or later is not installed.
    """
    _check_environment()
    if output_dir is None:
        raise UsageError("migrate() needs an output_dir")
    output_dir = os.fspath(output_dir)
    check_is_free(output_dir)
    recorded = read_recording(os.fspath(recording)) if recording else None
    if op_converters is not None:
        import_user_module(op_converters, "op_converters")
    source = Source(
        checkpoint, meta, frozen_graph, saved_model, network, network_kwargs, input_shape
    )
    migration = convert(source, inputs, outputs, values, exact_batch_norm)
    account = close_books(
        migration.variables, migration.plan, migration.model, migration.checkpoint.variables
    )
    with new_folder(output_dir) as folder:
        model_path = os.path.join(folder, MODEL_FILE)
        run_eagerly(migration.model.save, model_path)
        _write_source(migration, folder)
        # One model in memory is enough: the proof loads the one on disk.
        migration = dataclasses.replace(migration, model=None)
        gc.collect()
        parity = diff_parity(model_path, migration, recorded)
        if not parity.passed:
            raise _parity_error(_result(migration, parity, files={}))
        result = _result(migration, parity, _files(output_dir, migration))
        sha256 = {name: _sha256(os.path.join(folder, name)) for name in sorted(os.listdir(folder))}
        text = format_migration_json(migration, account, sha256, parity.versions)
        _write(os.path.join(folder, ACCOUNT_FILE), text)
        _write(os.path.join(folder, JSON_FILE), format_json(result))
        _write(os.path.join(folder, HTML_FILE), format_html(result))
    return result


def _check_environment() -> None:
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


def _write_source(migration: Migration, folder: str) -> None:
    """Writes weights and source, and proves that together they are the model.

    Raises: MigrationError: they are not.
    """
    weights_path = os.path.join(folder, WEIGHTS_FILE)
    run_eagerly(migration.model.save_weights, weights_path)
    about = About(migration.checkpoint.prefix, migration.model.name, WEIGHTS_FILE)
    source = format_source(migration.plan, about)
    run_eagerly(check_source, source, migration.model, weights_path)
    _write(os.path.join(folder, SOURCE_FILE), source)


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _files(output_dir: str, migration: Migration) -> dict[str, str]:
    exact = any(record.target.startswith("slimfix.") for record in migration.plan.layers)
    needs = "slimfix.SlimBatchNormalization imported" if exact else "plain Keras"
    return {
        os.path.join(output_dir, MODEL_FILE): f"Keras 3 model; loads with {needs}",
        os.path.join(output_dir, WEIGHTS_FILE): "its weights alone",
        os.path.join(output_dir, SOURCE_FILE): "Keras source that builds it",
        os.path.join(output_dir, ACCOUNT_FILE): "what became of every variable",
        os.path.join(output_dir, JSON_FILE): "parity report for programs",
        os.path.join(output_dir, HTML_FILE): "parity report for people",
    }


def _result(
    migration: Migration, parity: ParityResult, files: Mapping[str, str]
) -> MigrationResult:
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
    )


def _parity_error(result: MigrationResult) -> ParityError:
    parity = result.parity
    items = [*parity.weights.different, *parity.settings.different]
    items += [
        f"'{row.layer}' ({row.kind}), graph tensor '{row.tensor}': float64 error "
        f"{row.function_error:.1e} relative to its largest value {row.scale:.3g}"
        for row in parity.layers
        if row.verdict is Verdict.DIFFERENT
    ]
    error = ParityError(
        explain(
            "The migrated model is not the original network; no model was written. "
            + " ".join(describe_verdict(result)),
            items,
            cause="a fault in the converter of the first layer, since its inputs agree: slimfix's, "
            "or yours if op_converters has it."
            if parity.first_difference and not parity.weights.different
            else "weights or settings were lost or changed on the way into the .keras file.",
            fix="report it with the graph's nodes around that layer; leave the layer out with "
            "--inputs or --outputs until then.",
        )
    )
    error.result = result
    return error


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
