"""The records of a parity proof: what was compared, how far apart it is, and the verdict."""

from __future__ import annotations

import dataclasses
import enum
from typing import Iterable, Mapping, Sequence


class Level(enum.Enum):
    """What a proof compares, each level more than the one before."""

    WEIGHTS = "L0"  # Weights bit by bit, settings, counts.
    INFERENCE = "L1"  # The output of every layer in inference mode.
    TRAINING = "L2"  # The same in training mode, and the moving statistics after one step.
    GRADIENTS = "L3"  # Of every trainable weight and every input.
    TRAJECTORY = "L4"  # Loss and weights over many steps of an optimizer.


class Verdict(enum.Enum):
    """How the Keras model's tensor relates to the original graph's.

    The order is from best to worst. The function is the same or not by float64; float32 only
    tells how much rounding error each side adds.
    """

    IDENTICAL = "identical"  # Same function, and float32 values equal to the bit.
    EQUIVALENT = "equivalent"  # Same function, float32 error like the original's own.
    DEGRADED = "degraded"  # Same function, with more float32 error than the original.
    EXPLAINED = "explained"  # Other values for one stated reason; equal once it is taken out.
    DIFFERENT = "different"  # Another function.

    @classmethod
    def worst(cls, verdicts: Iterable[Verdict]) -> Verdict:
        """Returns the worst of some verdicts; IDENTICAL where there is none."""
        return max(verdicts, key=list(cls).index, default=cls.IDENTICAL)


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
      cause: why the verdict is degraded; '' where it is not, or nothing is known.
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


@dataclasses.dataclass(frozen=True)
class WeightsParity:
    """Whether each weight read back from the `.keras` file has the checkpoint's bits.

    Attributes:
      compared: number of Keras weights.
      different: one line for each weight that differs, names on both sides; () when all agree.
    """

    compared: int
    different: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class SettingsParity:
    """Whether each layer read back from the `.keras` file has the settings that were planned.

    Attributes:
      compared: number of settings: momentum, rates, regularizers, paddings, ...
      different: one line for each that differs; () when all agree.
    """

    compared: int
    different: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Reference:
    """Where the original's float32 values come from.

    Attributes:
      description: e.g. 'recorded by TensorFlow 1.15.5' or 'graph run by TensorFlow 2.21.0'.
      recorded_tensors: number of recorded tensors checked against the float64 original; 0 for none.
    """

    description: str
    recorded_tensors: int


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


@dataclasses.dataclass(frozen=True)
class LevelParity:
    """One level in short.

    Attributes:
      level: Level.
      compared: number of things compared.
      noun: what they are, in the plural, e.g. 'gradients'.
      worst: largest float64 error; 0.0 for L0, which knows equal and different only.
      verdict: Verdict.
    """

    level: Level
    compared: int
    noun: str
    worst: float
    verdict: Verdict

    @property
    def passed(self) -> bool:
        """Whether nothing is different."""
        return self.verdict is not Verdict.DIFFERENT


@dataclasses.dataclass(frozen=True)
class ParityResult:
    """The whole proof.

    Attributes:
      weights: level L0, the values.
      settings: level L0, what decides training.
      layers: level L1, in data-flow order, the outputs among them.
      outputs: the outputs as they were asked for; each is the `tensor` of one of `layers`, whose
        values are those of the model's outputs themselves.
      reference: the source of the float32 original.
      inputs_sha256: of the input arrays' bytes.
      samples: batch size of the inputs.
      versions: package versions, by package name.
      statistics: every moving statistic, in data-flow order; after a step too if L2 ran.
      training: level L2, layer by layer in training mode; None where it did not run.
      gradients: level L3; None likewise.
      trajectory: level L4; None likewise.
      unmatched: tensors of the original that the model has no layer of that name for; what they
        pass on is compared all the same.
      diagnosis: what explains the first difference; None where there is none.
    """

    weights: WeightsParity
    settings: SettingsParity
    layers: tuple[LayerParity, ...]
    outputs: tuple[str, ...]
    reference: Reference
    inputs_sha256: str
    samples: int
    versions: Mapping[str, str]
    statistics: tuple[StatisticParity, ...] = ()
    training: tuple[LayerParity, ...] | None = None
    gradients: tuple[LayerParity, ...] | None = None
    trajectory: TrajectoryParity | None = None
    unmatched: tuple[str, ...] = ()
    diagnosis: Diagnosis | None = None

    @property
    def levels(self) -> tuple[LevelParity, ...]:
        """What ran, a record a level."""
        return tuple(_levels(self))

    @property
    def first_difference(self) -> LayerParity | None:
        """The first row that is different: of the layers in data-flow order, then in training
        mode, then of the gradients."""
        rows = (*self.layers, *(self.training or ()), *(self.gradients or ()))
        return next((row for row in rows if row.verdict is Verdict.DIFFERENT), None)

    @property
    def passed(self) -> bool:
        """True if nothing is different at any level that ran."""
        return all(level.passed for level in self.levels)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of all levels."""
        return Verdict.worst(level.verdict for level in self.levels)


def _levels(result: ParityResult) -> Iterable[LevelParity]:
    weights, settings = result.weights, result.settings
    equal = not weights.different and not settings.different
    yield LevelParity(
        Level.WEIGHTS,
        weights.compared + settings.compared,
        "weights and settings",
        0.0,
        Verdict.IDENTICAL if equal else Verdict.DIFFERENT,
    )
    yield _of_rows(Level.INFERENCE, "layers", result.layers)
    if result.training is not None:
        moved = [each for each in result.statistics if each.function_error is not None]
        layers = _of_rows(Level.TRAINING, "", result.training)
        yield LevelParity(
            Level.TRAINING,
            layers.compared + len(moved),
            "layers and statistics",
            max([layers.worst, *(each.unexplained_error or 0.0 for each in moved)]),
            Verdict.worst([layers.verdict, *(each.verdict for each in result.statistics)]),
        )
    if result.gradients is not None:
        yield _of_rows(Level.GRADIENTS, "gradients", result.gradients)
    if result.trajectory is not None:
        steps = result.trajectory.steps
        yield LevelParity(
            Level.TRAJECTORY,
            len(steps),
            "steps",
            max((max(s.loss_errors[0], s.weight_errors[0]) for s in steps), default=0.0),
            Verdict.worst(step.verdict for step in steps),
        )


def _of_rows(level: Level, noun: str, rows: Sequence[LayerParity]) -> LevelParity:
    worst = max((row.function_error for row in rows), default=0.0)
    return LevelParity(level, len(rows), noun, worst, Verdict.worst(row.verdict for row in rows))
