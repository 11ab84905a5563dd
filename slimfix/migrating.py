"""The whole way from a TensorFlow 1 checkpoint to a verified Keras 3 model on disk."""

from __future__ import annotations

import dataclasses
import gc
import os
import zipfile
from typing import Any, Callable, Mapping, Sequence

from slimfix.environment import check_environment
from slimfix.errors import UsageError
from slimfix.migration import Migration, convert
from slimfix.migration.eager import run_eagerly
from slimfix.migration.ledger import close_books
from slimfix.network.sources import Source
from slimfix.network.user_code import import_user_module
from slimfix.parity import diff_parity, read_recording
from slimfix.paths import as_path
from slimfix.report.build import build_result
from slimfix.report.files import report_files, sha256_of, write_report, write_text
from slimfix.report.migration_json import format_migration_json
from slimfix.report.parity_error import parity_error
from slimfix.report.result import MigrationResult
from slimfix.source import About, check_source, format_source
from slimfix.writing import check_new_folder, new_folder

MODEL_FILE = "model.keras"
WEIGHTS_FILE = "model.weights.h5"
SOURCE_FILE = "model.py"
ACCOUNT_FILE = "migration.json"


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
    allow_ops: str | Sequence[str] = (),
    batch_norm: str | None = None,
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
      allow_ops: op types that the proof may run although they do more than compute, e.g. 'PyFunc'.
        For a graph that you trust; a converter of your own has to know them as well.
      batch_norm: for batch norms that the graph has in training mode for good: 'moving' for the
        inference function of a training graph, with moving statistics, or 'batch' for the graph as
        it was saved, with each batch's; has to be said where the graph shows no train op.
      exact_batch_norm: whether batch norms become slimfix.SlimBatchNormalization, which trains to
        slim's moving_variance and debiases as slim does. model.keras then loads only where that
        name was imported; without it, with plain Keras.
    Returns: MigrationResult: the variables accounted for, the proof, the files.
    Raises:
      UsageError: a file or name is wrong, or `output_dir` exists.
      UndecidedError: `batch_norm` has to be said, and was not.
      UnsafeGraphError: the outputs need ops that do more than compute, not in `allow_ops`.
      OutputError: the disk is full, or another run made `output_dir` meanwhile.
      MigrationError: the graph cannot be converted, or the checkpoint is no good.
      ParityError: the model is not the graph's network; nothing is left behind. Its `result` is the
        MigrationResult, for the whole report.
      UnsupportedEnvironmentError: Keras 3.12 or later is not installed.
    """
    check_environment()
    if output_dir is None:
        raise UsageError("migrate() needs an output_dir")
    output_dir = check_new_folder(output_dir)
    recorded = None
    if recording is not None:
        recorded = read_recording(as_path(recording, "recording"))
    if op_converters is not None:
        import_user_module(op_converters, "op_converters")
    source = Source(
        checkpoint,
        meta,
        frozen_graph,
        saved_model,
        network,
        network_kwargs,
        input_shape,
        allow_ops,
        batch_norm,
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
            headline = "The migrated model is not the original network; no model was written."
            raise parity_error(headline, build_result(migration, parity, {}, {}), is_ours=True)
        sha256 = {
            name: sha256_of(os.path.join(folder, name)) for name in sorted(os.listdir(folder))
        }
        checksums = {os.path.join(output_dir, MODEL_FILE): sha256[MODEL_FILE]}
        result = build_result(migration, parity, _files(output_dir, migration), checksums)
        text = format_migration_json(migration, account, sha256, parity.versions)
        write_text(os.path.join(folder, ACCOUNT_FILE), text)
        write_report(folder, result)
    return result


def _write_source(migration: Migration, folder: str) -> None:
    """Writes weights and source, and proves that together they are the model.

    Raises: MigrationError: they are not.
    """
    # Out of the .keras archive, for on a full disk HDF5 ends the process when it closes its file.
    with zipfile.ZipFile(os.path.join(folder, MODEL_FILE)) as archive:
        weights_path = archive.extract(WEIGHTS_FILE, folder)
    about = About(migration.checkpoint.prefix, migration.model.name, WEIGHTS_FILE)
    source = format_source(migration.plan, about)
    run_eagerly(check_source, source, migration.model, weights_path)
    write_text(os.path.join(folder, SOURCE_FILE), source)


def _files(output_dir: str, migration: Migration) -> dict[str, str]:
    exact = any(record.target.startswith("slimfix.") for record in migration.plan.layers)
    needs = "slimfix.SlimBatchNormalization imported" if exact else "plain Keras"
    return {
        os.path.join(output_dir, MODEL_FILE): f"Keras 3 model; loads with {needs}",
        os.path.join(output_dir, WEIGHTS_FILE): "its weights alone",
        os.path.join(output_dir, SOURCE_FILE): "Keras source that builds it",
        os.path.join(output_dir, ACCOUNT_FILE): "what became of every variable",
        **report_files(output_dir),
    }
