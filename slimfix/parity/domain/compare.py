"""Level L1 beyond one set of inputs: outputs on other batches, sizes and values."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping, Sequence

import numpy as np

from slimfix.errors import ParityError, SlimfixError
from slimfix.parity import compare
from slimfix.parity.domain.live import LiveModel
from slimfix.parity.domain.regimes import describe_values
from slimfix.parity.domain.variants import Trial, draw_candidates, list_trials
from slimfix.parity.keras_side import Inference, Playback
from slimfix.parity.layers import compare_layers
from slimfix.parity.rows import DomainParity, LayerParity, VariantParity
from slimfix.parity.setup import Setup
from slimfix.parity.verdicts import Verdict
from slimfix.progress import show_progress
from slimfix.reference.inputs import SEED, InputSpec
from slimfix.reference.original import Original

_Arrays = Mapping[str, np.ndarray]


def compare_domain(
    setup: Setup,
    model: Any,
    usual: _Arrays,
    rows: Sequence[LayerParity],
    specs: Sequence[InputSpec],
    progress: bool | None = False,
) -> DomainParity:
    """Returns what the outputs of a model are like on inputs of other kinds.

    The model that was handed in runs in float32, called and compiled, beside the original. Where
    they are farther apart than both round, float64 decides, sample by sample; and where that says
    that they differ, the layers are looked at.

    Args:
      setup: both networks.
      model: the keras.Model itself.
      usual: inputs by tensor name, on which the layers were compared.
      rows: of that comparison, the outputs among them.
      specs: the inputs, with the sizes that may be drawn.
      progress: whether to draw a bar; None for where standard error is a terminal.
    """
    trying = _Trying(setup, model, usual, rows, specs)
    trials = list_trials(specs, setup.migration.view.keeps_batch_statistics)
    bar = show_progress(trials, "other inputs", progress, noun="trials")
    tried = [_variant(usual), *(trying.run(trial) for trial in bar)]
    return DomainParity(tuple(each for each in tried if each is not None), SEED)


def _variant(inputs: _Arrays) -> VariantParity:
    shapes = tuple((tensor, value.shape) for tensor, value in inputs.items())
    ranges = tuple(describe_values(value) for value in inputs.values())
    return VariantParity(shapes, ranges, Verdict.EQUIVALENT)


class _Trying:
    """Tries one network and one model."""

    def __init__(
        self,
        setup: Setup,
        model: Any,
        usual: _Arrays,
        rows: Sequence[LayerParity],
        specs: Sequence[InputSpec],
    ) -> None:
        self._setup, self._usual, self._specs = setup, usual, specs
        self._live = LiveModel(model, setup.flow)
        self._outputs = setup.migration.signature.outputs
        by_tensor = {row.tensor: row for row in rows}
        self._known = {tensor: by_tensor[tensor] for tensor in self._outputs}

    def run(self, trial: Trial) -> VariantParity | None:
        """Returns how a trial went; None where the original takes no such inputs."""
        migration = self._setup.migration
        candidates = draw_candidates(
            trial, self._specs, self._usual, bool(migration.function.batches), migration.view
        )
        for inputs in candidates:
            original = self._run_original(inputs)
            if original is not None:
                return self._compare(inputs, original)
        return None

    def _run_original(self, inputs: _Arrays) -> list[np.ndarray] | None:
        """Returns the outputs in float32; None where it does not take these inputs, or where
        nothing that could be compared comes out."""
        migration = self._setup.migration
        feeds = {**migration.function.switches, **inputs}
        try:
            run = Original(migration.view, migration.read, feeds, self._outputs, float64=False)
            values = next(run.run([self._outputs]))
        except SlimfixError:
            return None
        if not all(value.size and np.any(np.isfinite(value)) for value in values.values()):
            return None
        orders = migration.function.permutations
        return [
            np.transpose(values[name], orders[name]) if name in orders else values[name]
            for name in self._outputs
        ]

    def _compare(self, inputs: _Arrays, original: Sequence[np.ndarray]) -> VariantParity:
        found = _variant(inputs)
        squeezed = self._find_squeezed(inputs, original)
        if squeezed:
            cause = f"the original squeezes the batch of one out of {squeezed}, and Keras does not"
            found = dataclasses.replace(found, verdict=Verdict.EXPLAINED, cause=cause)
        try:
            doubted = self._find_doubted(inputs, original)
            for sample in doubted:
                rows = self._look_inside(inputs, sample)
                verdict = Verdict.worst([found.verdict, *(row.verdict for row in rows)])
                first = next((row for row in rows if row.verdict is Verdict.DIFFERENT), None)
                if first is not None:
                    return dataclasses.replace(found, verdict=verdict, cause="", layer=first)
                found = dataclasses.replace(found, verdict=verdict)
        except ParityError as error:
            return dataclasses.replace(found, verdict=Verdict.DIFFERENT, cause=str(error))
        return found

    def _find_squeezed(self, inputs: _Arrays, original: Sequence[np.ndarray]) -> str:
        """Returns the outputs of which tf.squeeze took the axis of a single sample, in words."""
        if _count_samples(inputs) != 1:
            return ""
        ranks = [len(tensor.shape) for tensor in self._setup.flow.outputs]
        found = zip(self._outputs, original, ranks)
        return ", ".join(f"'{name}'" for name, value, rank in found if value.ndim == rank - 1)

    def _find_doubted(self, inputs: _Arrays, original: Sequence[np.ndarray]) -> list[int | None]:
        """Returns the samples of which some output is farther off than both sides round; None for
        the batch as a whole."""
        doubted: list[int | None] = []
        batch = _count_samples(inputs)
        for way in self._live.run(self._setup.for_keras(inputs)).values():
            for name, wanted, found in zip(self._outputs, original, way):
                is_squeezed = batch == 1 and found.shape == (1, *wanted.shape)
                errors = _errors(wanted[None] if is_squeezed else wanted, found, batch)
                row = self._known[name]
                limit = compare.recorded_limit(max(row.original_error, row.keras_error))
                doubted += [sample for sample, error in errors.items() if not error <= limit]
        return list(dict.fromkeys(doubted))

    def _look_inside(self, inputs: _Arrays, sample: int | None) -> list[LayerParity]:
        """Returns the rows of all layers, on a batch of one sample alone, for a larger one would
        hide it; of the batch as it is where that sample is well by itself.

        Raises: ParityError: all layers are well, and the model as a whole is not.
        """
        setup, migration = self._setup, self._setup.migration
        alone = inputs
        if sample is not None:
            alone = {t: np.repeat(v[sample : sample + 1], len(v), 0) for t, v in inputs.items()}
            original = self._run_original(alone)
            if original is None or not self._find_doubted(alone, original):
                alone = inputs
        feeds, given = {**migration.function.switches, **alone}, setup.for_keras(alone)
        rows, _ = compare_layers(setup.flow, migration, feeds, given, {}, called=setup.called)
        if all(row.verdict is not Verdict.DIFFERENT for row in rows):
            self._check_whole(given, {row.tensor: row for row in rows})
        return rows

    def _check_whole(self, given: _Arrays, rows: Mapping[str, LayerParity]) -> None:
        """Raises ParityError if a model does not do what its layers do one by one."""
        outputs = self._setup.flow.outputs
        run = Playback(self._setup.flow, given, outputs, Inference(False))
        single = [run.take(tensor) for tensor in outputs]
        for how, way in self._live.run(given).items():
            for name, wanted, found in zip(self._outputs, single, way):
                # TensorFlow compiles log(softmax(x)) into what is finite where its steps are not.
                told = np.where(np.isfinite(wanted), found, wanted)
                error = compare.relative_error(told, wanted)
                row = rows[name]
                if not error <= compare.recorded_limit(max(row.original_error, row.keras_error)):
                    raise ParityError(
                        f"The model {how} as a whole gives other values than its layers one by "
                        f"one: those of '{name}' are off by {error:.1e}"
                    )


def _count_samples(inputs: _Arrays) -> int:
    return min(len(value) for value in inputs.values())


def _errors(wanted: np.ndarray, found: np.ndarray, batch: int) -> dict[int | None, float]:
    """Returns by sample how far two outputs are apart, each measured by itself; by None, if the
    first axis is not that of the samples."""
    if wanted.shape != found.shape or wanted.ndim < 2 or len(wanted) != batch:
        return {None: compare.relative_error(found, wanted)}
    # A vector is measured against its largest number, not each number against itself.
    shape = (batch, -1, 1) if wanted.ndim == 2 else wanted.shape
    pairs = zip(wanted.reshape(shape), found.reshape(shape))
    return {n: compare.relative_error(right, left) for n, (left, right) in enumerate(pairs)}
