"""What a freeze did: for every batch norm, what will move in training and what will not."""

from __future__ import annotations

import dataclasses
import textwrap

_WIDTH = 100
_TITLES = ("batch norm", "statistics", "beta", "gamma", "normalises in training with")
_GAP = "  "


@dataclasses.dataclass(frozen=True)
class BatchNormState:
    """One batch norm after the freeze, as training will find it.

    Attributes:
      name: its scope in a graph; in Keras its layer's name, after those of the models and layers
        that hold it: 'backbone/net__conv1__BatchNorm'.
      statistics_move: whether training moves its moving statistics.
      beta_moves, gamma_moves: whether training moves them; None where the layer has none.
      normalises_with: 'batch' or 'moving' statistics in training, or "by 'is_training:0'" where
        that tensor switches between them.
      chosen: whether this freeze was asked to freeze it.
    """

    name: str
    statistics_move: bool
    beta_moves: bool | None
    gamma_moves: bool | None
    normalises_with: str
    chosen: bool


@dataclasses.dataclass(frozen=True)
class FreezeRecord:
    """What slimfix.freeze_batch_norm did. Its str is a table of at most 100 columns.

    Attributes:
      layers: every batch norm of the target, frozen or not.
      statistics, affine: as they were asked for.
      notes: what to know before training, full sentences.
    """

    layers: tuple[BatchNormState, ...]
    statistics: bool
    affine: bool
    notes: tuple[str, ...]

    @property
    def frozen_scopes(self) -> tuple[str, ...]:
        """The names of the batch norms whose statistics this freeze was asked to keep."""
        return tuple(each.name for each in self.layers if each.chosen and self.statistics)

    def __str__(self) -> str:
        rows = [_TITLES, *map(_cells, self.layers)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_TITLES))]
        widths[-1] = min(widths[-1], 30)
        widths[0] = min(widths[0], _WIDTH - sum(widths[1:]) - len(_GAP) * (len(widths) - 1))
        lines = [
            _GAP.join(_shorten(cell, width).ljust(width) for cell, width in zip(row, widths))
            for row in rows
        ]
        lines += [line for note in self.notes for line in textwrap.wrap("Note: " + note, _WIDTH)]
        return "\n".join(line.rstrip() for line in lines)


def _cells(layer: BatchNormState) -> tuple[str, ...]:
    moves = (layer.statistics_move, layer.beta_moves, layer.gamma_moves)
    return (layer.name, *map(_word, moves), layer.normalises_with)


def _word(moves: bool | None) -> str:
    return "none" if moves is None else "move" if moves else "stay"


def _shorten(text: str, width: int) -> str:
    """Returns the text, with dots for its middle where it is longer than `width`."""
    if len(text) <= width:
        return text
    tail = (width - 3 + 1) // 2
    return text[: width - 3 - tail] + "..." + text[-tail:]
