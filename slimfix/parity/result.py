"""The records of a parity proof: what was compared, how far apart it is, and the verdict."""

from __future__ import annotations

import dataclasses
import enum
from typing import Mapping


class Verdict(enum.Enum):
    """How the Keras model's tensor relates to the original graph's.

    The order is from best to worst. The function is the same or not by float64; float32 only
    tells how much rounding error each side adds.
    """

    IDENTICAL = "identical"  # Same function, and float32 values equal to the bit.
    EQUIVALENT = "equivalent"  # Same function, float32 error like the original's own.
    DEGRADED = "degraded"  # Same function, with more float32 error than the original.
    DIFFERENT = "different"  # Another function.


@dataclasses.dataclass(frozen=True)
class LayerParity:
    """One tensor, in both models.

    Errors are the largest absolute difference to the float64 original, each channel (last axis)
    measured against its own largest absolute value there; no unit.

    Attributes:
      layer: name of the Keras layer or operation.
      scope: the slim scope it stands for.
      kind: its class, e.g. 'Conv2D'.
      tensor: tensor name in the original graph.
      shape: with the batch first.
      scale: largest absolute value of the float64 original, in the tensor's own unit.
      function_error: float64 Keras model against float64 original: the proof.
      original_error: float32 original (the recording, where there is one) against float64.
      keras_error: float32 Keras model against float64.
      verdict: Verdict.
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
    """

    weights: WeightsParity
    settings: SettingsParity
    layers: tuple[LayerParity, ...]
    outputs: tuple[str, ...]
    reference: Reference
    inputs_sha256: str
    samples: int
    versions: Mapping[str, str]

    @property
    def first_difference(self) -> LayerParity | None:
        """The first layer, in data-flow order, that computes another function."""
        return next((row for row in self.layers if row.verdict is Verdict.DIFFERENT), None)

    @property
    def passed(self) -> bool:
        """True if weights and settings are equal and every layer computes the same function."""
        equal = not self.weights.different and not self.settings.different
        return equal and self.first_difference is None

    @property
    def verdict(self) -> Verdict:
        """The worst verdict; DIFFERENT too where a weight or setting is."""
        if not self.passed:
            return Verdict.DIFFERENT
        order = list(Verdict)
        return max((row.verdict for row in self.layers), key=order.index)
