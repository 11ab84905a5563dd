"""The result of one migration, as every face of the report reads it."""

from __future__ import annotations

import dataclasses
from typing import Mapping

from slimfix.migration.account import VariableFate
from slimfix.parity.result import ParityResult


@dataclasses.dataclass(frozen=True)
class MigrationResult:
    """What went in, what came out, and the proof that they are the same.

    Attributes:
      checkpoint: checkpoint prefix that was read.
      meta: path of the .meta file that was read.
      inputs: Keras input name by tensor name.
      outputs: tensor names.
      switches: the value that each boolean switch was given, by tensor name.
      proved: which function of the graph the model computes: 'the same function as the original',
        or what else the graph is, run as it was saved.
      variables: every variable of the checkpoint, with its fate.
      notes: 'scope: note' lines where training will differ from slim.
      parity: the proof.
      files: what each written file is, by its path.
      checksums: sha256, 64 hexadecimal digits, of each file that was read or proved, by its path:
        the Keras model, the graph, the checkpoint's index and data.
    """

    checkpoint: str
    meta: str
    inputs: Mapping[str, str]
    outputs: tuple[str, ...]
    switches: Mapping[str, bool]
    proved: str
    variables: tuple[VariableFate, ...]
    notes: tuple[str, ...]
    parity: ParityResult
    files: Mapping[str, str]
    checksums: Mapping[str, str] = dataclasses.field(default_factory=dict)
