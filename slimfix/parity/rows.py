"""The rows of a parity proof: what was compared, how far apart it is, and what was tried on it."""

from __future__ import annotations

import dataclasses

from slimfix.parity.verdicts import Level, Verdict


@dataclasses.dataclass(frozen=True)
class LayerParity:
    """One tensor, in both models: what a layer gives, or the gradient of a weight or an input.

    Errors are the largest absolute difference to the float64 original, each channel (last axis)
    measured against its own largest absolute value there; no unit.

    Attributes:
      layer: name of the Keras layer or operation.
      scope: the slim scope it stands for.
      kind: its class, e.g. 'Conv2D'; of a gradient, what it is taken of: 'kernel', 'input', ...
      tensor: tensor name in the original graph; of the gradient of a weight, the variable's name.
      shape: with the batch first; of a gradient, the weight's.
      scale: largest absolute value of the float64 original, in the tensor's own unit.
      function_error: float64 Keras model against float64 original: the proof.
      original_error: float32 original (the recording, where there is one) against float64.
      keras_error: float32 Keras model against float64.
      verdict: Verdict.
      original_ulps: the float32 original's error in units in the last place, each channel measured
        in the spacing of float32 numbers at its largest value.
      keras_ulps: the same of the float32 Keras model.
      silent: number of channels that are zero everywhere, in which nothing was compared.
      cause: why the verdict is degraded, or different in float32 alone; '' where it is neither, or
        nothing is known.
      original_dtype, keras_dtype: names, of the tensor in the graph and in the model.
    """

    layer: str
    scope: str
    kind: str
    tensor: str
    shape: tuple[int, ...]
    scale: float
    function_error: float
    original_error: float
    keras_error: float
    verdict: Verdict
    original_ulps: float = 0.0
    keras_ulps: float = 0.0
    silent: int = 0
    cause: str = ""
    original_dtype: str = "float32"
    keras_dtype: str = "float32"


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Things that are equal or different, with no way between.

    Attributes:
      compared: number of them.
      different: one line for each that differs, names on both sides; () when all agree.
    """

    compared: int
    different: tuple[str, ...]

    @property
    def equal(self) -> int:
        """The number of those that do not differ."""
        return self.compared - len(self.different)


class WeightsParity(Comparison):
    """Whether each weight read back from the `.keras` file has the checkpoint's bits."""


class SettingsParity(Comparison):
    """Whether each layer read back from the `.keras` file has the settings that were planned:
    momentum, rates, regularizers, paddings, ..."""


@dataclasses.dataclass(frozen=True)
class StructureParity(Comparison):
    """Whether a model has the operations that were planned, connected as they were planned.

    Attributes:
      by_numbers: a line for each part that is written in another way, whose values decide.
      allowed: a line for each operation that is another, and was allowed by its name.
    """

    by_numbers: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class VariantParity:
    """How the outputs were on inputs of another kind than those that were looked at layer by layer.

    Attributes:
      shapes: of the inputs, with the batch first, by tensor name.
      ranges: of their values, in the same order, e.g. '0 to 255'.
      verdict: Verdict.
      cause: why it is different, or explained; '' where it is neither, or where `layer` says it.
      layer: the first layer that is different; None where none is, or was looked at.
    """

    shapes: tuple[tuple[str, tuple[int, ...]], ...]
    ranges: tuple[str, ...]
    verdict: Verdict
    cause: str = ""
    layer: LayerParity | None = None


@dataclasses.dataclass(frozen=True)
class DomainParity:
    """Where a model was tried.

    Attributes:
      variants: first the inputs on which every layer was compared, then the other kinds.
      seed: of what was drawn for those.
    """

    variants: tuple[VariantParity, ...]
    seed: int

    @property
    def different(self) -> tuple[VariantParity, ...]:
        """Those on which the model gives something else."""
        return tuple(each for each in self.variants if each.verdict is Verdict.DIFFERENT)


@dataclasses.dataclass(frozen=True)
class Spread:
    """The values of one statistic, in short.

    Attributes:
      low, mean, high: over its channels, in its own unit.
    """

    low: float
    mean: float
    high: float


@dataclasses.dataclass(frozen=True)
class StatisticParity:
    """One moving statistic of a batch norm: before, and after one training step.

    Attributes:
      variable: name in the checkpoint.
      weight: of the Keras weight, 'layer/moving_mean'.
      stored: in the checkpoint.
      loaded: in the Keras file.
      original_after: after one step of the float64 original; None where level L2 did not run.
      keras_after: after one step of the float64 Keras model; None likewise.
      function_error: of keras_after, relative as in LayerParity; None likewise.
      unexplained_error: the same once what `reason` says is taken out; None likewise.
      elements: number of elements of a channel in the batch, N; None where not known.
      verdict: of level L2; IDENTICAL where it did not run.
      reason: why the values differ although nothing is wrong, e.g. Keras's missing N/(N-1); or why
        they were not compared; '' for nothing to say.
    """

    variable: str
    weight: str
    stored: Spread
    loaded: Spread
    original_after: Spread | None = None
    keras_after: Spread | None = None
    function_error: float | None = None
    unexplained_error: float | None = None
    elements: int | None = None
    verdict: Verdict = Verdict.IDENTICAL
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class StepParity:
    """One optimizer step on both sides. Errors are relative to the float64 original; no unit.

    Attributes:
      step: 1 for the first.
      loss: of the float64 original, before the step is applied.
      loss_errors: of the loss: Keras in float64, original in float32 (the recording, where there
        is one), Keras in float32.
      weight_errors: the same of the worst weight after the step, channel by channel.
      worst_weight: variable name of the weight with the largest error in float64.
      verdict: Verdict.
    """

    step: int
    loss: float
    loss_errors: tuple[float, float, float]
    weight_errors: tuple[float, float, float]
    worst_weight: str
    verdict: Verdict


@dataclasses.dataclass(frozen=True)
class TrajectoryParity:
    """Level L4.

    Attributes:
      optimizer: what took the steps, e.g. 'momentum(learning_rate=0.01, momentum=0.9)'.
      loss: what was minimised, in words.
      steps: in order.
    """

    optimizer: str
    loss: str
    steps: tuple[StepParity, ...]


@dataclasses.dataclass(frozen=True)
class Trial:
    """One hypothesis on what is wrong with a layer, and how far the layer is off with it mended.

    Attributes:
      hypothesis: e.g. 'epsilon 0.001 in place of 1e-05'.
      error: float64 error once it is mended, as `function_error`; inf where it does not apply.
      fits: whether the layer then computes what the original does.
    """

    hypothesis: str
    error: float
    fits: bool


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """What was tried on the first difference.

    Attributes:
      level: where the difference showed first.
      layer: Keras name of the layer.
      tensor: tensor or variable name in the original.
      trials: in the order in which they were tried.
    """

    level: Level
    layer: str
    tensor: str
    trials: tuple[Trial, ...]

    @property
    def fitting(self) -> tuple[Trial, ...]:
        """The trials that explain the difference; () where none does."""
        return tuple(trial for trial in self.trials if trial.fits)
