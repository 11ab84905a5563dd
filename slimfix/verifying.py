"""The proof alone: a Keras model that is there against the TensorFlow 1 network it is to be."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any, Callable, Mapping, Sequence

from slimfix.environment import check_environment
from slimfix.errors import UsageError, explain, naming, reason
from slimfix.migrating import ACCOUNT_FILE, MODEL_FILE
from slimfix.migration import plan_migration
from slimfix.migration.eager import run_eagerly
from slimfix.network.batch_norm_choice import BATCH, MOVING
from slimfix.network.checked import check_network
from slimfix.network.sources import Source
from slimfix.network.user_code import import_user_module
from slimfix.parity import Level, Recording, diff_parity, read_recording
from slimfix.parity.dataflow import read_dataflow
from slimfix.parity.keras_file import load_keras_file
from slimfix.paths import as_path
from slimfix.reference.optimizers import check_optimizer
from slimfix.report.build import build_result
from slimfix.report.files import report_files, sha256_of, write_report
from slimfix.report.parity_error import parity_error
from slimfix.report.result import MigrationResult
from slimfix.writing import check_new_folder, new_folder


def verify_parity(
    model: Any,
    checkpoint: str | os.PathLike[str] | None = None,
    meta: str | os.PathLike[str] | None = None,
    inputs: str | Sequence[str] = (),
    outputs: str | Sequence[str] = (),
    recording: str | os.PathLike[str] | None = None,
    *,
    data: Any = None,
    levels: str | Sequence[str] = (),
    optimizer: str = "momentum",
    learning_rate: float = 0.01,
    steps: int = 100,
    output_dir: str | os.PathLike[str] | None = None,
    frozen_graph: str | os.PathLike[str] | None = None,
    saved_model: str | os.PathLike[str] | None = None,
    network: str | Callable[..., Any] | None = None,
    network_kwargs: Mapping[str, Any] | None = None,
    input_shape: Sequence[int | None] = (),
    values: str | None = None,
    op_converters: str | None = None,
    allow_ops: str | Sequence[str] = (),
    batch_norm: str | None = None,
    allow_layers: str | Sequence[str] = (),
    progress: bool | None = False,
) -> MigrationResult:
    """Proves that a Keras model is a TensorFlow 1 network, or raises.

    Level L0 compares weights bit by bit, settings and counts; L1 the output of every layer, in
    float64, which decides, and in float32, which tells how much each side rounds; L2 the same in
    training mode, and the moving statistics after one step; L3 the gradient of every trainable
    weight and of the input; L4 loss and weights over many steps of an optimizer. L0 and L1 always
    run. From L2 on dropout drops nothing.

    A model whose layers are called otherwise than slimfix calls them is compared too: in its
    outputs, and its weights by their bits.

    Args:
      model: a functional keras.Model, the path of a `.keras` file, or a folder that
        `slimfix.migrate` wrote, which also says where the network was.
      checkpoint, meta, inputs, outputs: as of `slimfix.migrate`.
      recording: .npz that `slimfix record` wrote; None to run the graph now.
      data: inputs of your own in place of drawn ones: path of an .npz (arrays by tensor name) or
        .npy file, an array, a dict of arrays, or an iterable of such, one a batch.
      levels: 'L2', 'L3', 'L4', or several; () for those that the recording holds, L0 and L1.
      optimizer: of L4: 'sgd', 'momentum' (0.9), 'adam' or 'rmsprop'; from its initial state.
      learning_rate: of L4; no unit.
      steps: of L4. A recorded trajectory has its own optimizer, rate and steps.
      output_dir: folder to make for parity.json and parity.html; None for none.
      frozen_graph, saved_model, network, network_kwargs, input_shape, values, op_converters,
        allow_ops, batch_norm: as of `slimfix.migrate`; a folder that it wrote knows the last.
      allow_layers: names of layers or operations of the model that may be there although the
        network has none such, or has others, if the values agree. The report lists them.
      progress: whether to draw progress bars; None for where standard error is a terminal.
    Returns: MigrationResult: the variables accounted for, and the proof, which passed.
    Raises:
      ParityError: the model is not the network, with the MigrationResult as its `result`; the
        report is written all the same. Or the recording is not of this network.
      UsageError: a file, name, level or input is wrong, or `output_dir` exists.
      UnsafeGraphError: the outputs need ops that do more than compute, not in `allow_ops`.
      OutputError: the disk is full, or another run made `output_dir` meanwhile.
      MigrationError: no model of the graph can be planned, or the checkpoint is no good.
      UnsupportedEnvironmentError: Keras 3.12 or later is not installed, or does not run on
        TensorFlow.
    """
    check_environment()
    if output_dir is not None:
        output_dir = check_new_folder(output_dir)
    if not isinstance(steps, int) or steps < 1:
        raise UsageError(f"steps is {steps!r}; want a whole number, at least 1")
    chosen = check_optimizer(optimizer, learning_rate)
    if recording is not None:
        recording = as_path(recording, "recording")
    recorded = read_recording(recording) if recording else None
    wanted = _read_levels(levels, recorded)
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
    path = as_path(model, "model") if isinstance(model, (str, os.PathLike)) else None
    account = None
    if path is not None and os.path.isdir(path):
        account = os.path.join(path, ACCOUNT_FILE)
        source, inputs, outputs = _with_account(account, source, inputs, outputs)
        path = os.path.join(path, MODEL_FILE)
    if path is not None and not os.path.isfile(path):
        raise UsageError(f"No Keras model at '{path}'")
    with naming(account, "Told by"):  # Before Keras takes its time to load.
        checked = check_network(source, inputs, outputs, values)
    with naming(path, "Model"), naming(recording, "Recording"):
        if path is not None:
            model = _load(path)
        layers = run_eagerly(read_dataflow, model).layers.values()
        exact = any(type(layer).__name__ == "SlimBatchNormalization" for layer in layers)
        migration = plan_migration(checked, exact)
        parity = diff_parity(
            model,
            migration,
            recorded,
            wanted,
            data=data,
            allowed=[allow_layers] if isinstance(allow_layers, str) else list(allow_layers),
            optimizer=chosen,
            steps=steps,
            progress=progress,
        )
    checksums = {path: sha256_of(path)} if path else {}
    if recording:
        checksums[recording] = sha256_of(recording)
    files = {} if output_dir is None else report_files(output_dir)
    result = build_result(migration, parity, files, checksums)
    if output_dir is not None:
        with new_folder(output_dir) as folder:
            write_report(folder, result)
    if not parity.passed:
        named = "The model" if path is None else f"The model '{path}'"
        raise parity_error(f"{named} is not the original network.", result, is_ours=False)
    return result


def _read_levels(levels: str | Sequence[str], recording: Recording | None) -> list[Level]:
    listed = levels.split(",") if isinstance(levels, str) else list(levels)
    given = [level.strip() for level in listed if level.strip()]
    known = {level.value: level for level in Level}
    unknown = [level for level in given if level not in known]
    if unknown:
        raise UsageError(f"levels has '{unknown[0]}'; want some of {', '.join(known)}")
    held = _held(recording) if recording and not given else []
    return [Level.WEIGHTS, Level.INFERENCE, *(known[level] for level in given), *held]


def _held(recording: Recording) -> list[Level]:
    """Returns the levels that a recording holds beyond inference."""
    held = {
        Level.TRAINING: recording.training or recording.statistics,
        Level.GRADIENTS: recording.gradients,
        Level.TRAJECTORY: recording.trajectory is not None,
    }
    return [level for level, there in held.items() if there]


def _with_account(
    path: str, source: Source, inputs: str | Sequence[str], outputs: str | Sequence[str]
) -> tuple[Source, Any, Any]:
    """Returns where the network is, as the user says or else as a migration.json does."""
    if not os.path.isfile(path):
        raise UsageError(
            explain(
                f"'{os.path.dirname(path)}' holds no {ACCOUNT_FILE}",
                cause="slimfix.migrate did not write this folder.",
                fix="name the .keras file in it, and the checkpoint.",
            )
        )
    (checkpoint, meta), batch_norm, tensors, ends = _read_account(path)
    inputs, outputs = inputs or tensors, outputs or ends
    source = dataclasses.replace(source, batch_norm=source.batch_norm or batch_norm)
    if not any((source.checkpoint, source.frozen_graph, source.saved_model)):
        source = _complete(source, checkpoint, meta)
    return source, inputs, outputs


def _read_account(path: str) -> tuple[list[str], str | None, list[str], list[str]]:
    """Returns checkpoint and graph, which statistics were chosen for batch norms, and the tensor
    names of inputs and outputs that a migration.json tells. Raises UsageError: it is damaged."""
    try:
        with open(path, encoding="utf-8") as file:
            account = json.load(file)
        found = [account["source"][key] for key in ("checkpoint", "meta")]
        batch_norm = account["source"].get("batch_norm")  # Once it was not there.
        tensors = [record["tensor"] for record in account["inputs"]]
        outputs = account["outputs"]
        texts = [*found, *tensors, *outputs]
        wrong = [each for each in texts if not isinstance(each, str) or "\0" in each or not each]
        if wrong or not isinstance(outputs, list):
            raise ValueError(f"{(wrong or [outputs])[0]!r} in place of a name or path")
        if batch_norm not in (None, MOVING, BATCH):
            raise ValueError(f"batch_norm is {batch_norm!r}")
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError, OSError) as error:
        raise UsageError(
            explain(
                f"'{path}' is damaged",
                [reason(error)],
                fix="name the .keras file in its folder, and the checkpoint.",
            )
        ) from error
    return found, batch_norm, tensors, outputs


def _complete(source: Source, checkpoint: str, meta: str) -> Source:
    """Returns where a network was read from, as far as an account tells."""
    if source.network is not None:
        return dataclasses.replace(source, checkpoint=checkpoint)
    if os.path.isdir(meta):
        return dataclasses.replace(source, saved_model=meta)
    if meta == checkpoint:
        return dataclasses.replace(source, frozen_graph=meta)
    if ":" in os.path.basename(meta) and not os.path.exists(meta):
        raise UsageError(
            explain(
                f"The network was built by '{meta}', with arguments that nobody wrote down",
                fix="say how: network (--network), network_kwargs and input_shape, as for migrate.",
            )
        )
    return dataclasses.replace(source, checkpoint=checkpoint, meta=source.meta or meta)


def _load(path: str) -> Any:
    import slimfix.layers.batch_norm  # noqa: F401  A model may hold its layer.

    return run_eagerly(load_keras_file, path)
