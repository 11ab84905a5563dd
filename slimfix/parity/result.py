"""The result of a parity proof: the rows of every level that ran, and their verdict."""

from __future__ import annotations

import dataclasses
from typing import Iterable, Mapping, Sequence

from slimfix.parity.rows import (
    Diagnosis,
    DomainParity,
    LayerParity,
    SettingsParity,
    StatisticParity,
    StructureParity,
    TrajectoryParity,
    WeightsParity,
)
from slimfix.parity.verdicts import Level, Verdict


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
      structure: level L0, the operations and how they are connected.
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
      domain: level L1, the outputs on inputs of other kinds; None where some layer is different.
    """

    weights: WeightsParity
    settings: SettingsParity
    structure: StructureParity
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
    domain: DomainParity | None = None

    @property
    def levels(self) -> tuple[LevelParity, ...]:
        """What ran, a record a level."""
        return tuple(_levels(self))

    @property
    def unequal(self) -> tuple[str, ...]:
        """The lines of level L0: weights, settings and operations that are not as planned."""
        compared = (self.weights, self.settings, self.structure)
        return tuple(line for each in compared for line in each.different)

    @property
    def first_difference(self) -> LayerParity | None:
        """The first row that is different: of the layers in data-flow order, then on inputs of
        other kinds, then in training mode, then of the gradients."""
        beyond = [each.layer for each in (self.domain.different if self.domain else ())]
        trained = [*(self.training or ()), *(self.gradients or ())]
        rows = [*self.layers, *filter(None, beyond), *trained]
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
    compared = (result.weights, result.settings, result.structure)
    yield LevelParity(
        Level.WEIGHTS,
        sum(each.compared for each in compared),
        "parts",
        0.0,
        Verdict.DIFFERENT if any(each.different for each in compared) else Verdict.IDENTICAL,
    )
    layers = _of_rows(Level.INFERENCE, "layers", result.layers)
    variants = result.domain.variants if result.domain else ()
    beyond = [each.verdict for each in variants if each.verdict is not Verdict.EQUIVALENT]
    yield dataclasses.replace(layers, verdict=Verdict.worst([layers.verdict, *beyond]))
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
