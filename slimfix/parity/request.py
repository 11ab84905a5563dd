"""What is to be proved of a model, and on what."""

from __future__ import annotations

import dataclasses
from typing import Any, Collection

from slimfix.parity.verdicts import Level
from slimfix.reference.optimizers import Optimizer
from slimfix.reference.recording import Recording

_MOMENTUM = Optimizer("momentum", 0.01)
BASIC = (Level.WEIGHTS, Level.INFERENCE)


@dataclasses.dataclass(frozen=True)
class Request:
    """What is to be compared, and on what.

    Attributes:
      levels: which; L0 and L1 always are.
      recording: what the original computed; None to run its graph now, and alone.
      data: inputs, as of `data.choose_data`; None for recorded or drawn ones.
      allowed: names of layers or operations of the model that may be there although they were not
        planned, or be others.
      optimizer: of level L4, unless recorded.
      steps: of level L4, unless recorded.
      progress: whether to draw progress bars; None for where standard error is a terminal.
    """

    levels: Collection[Level] = BASIC
    recording: Recording | None = None
    data: Any = None
    allowed: Collection[str] = ()
    optimizer: Optimizer = _MOMENTUM
    steps: int = 20
    progress: bool | None = False
