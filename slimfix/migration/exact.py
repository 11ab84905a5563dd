"""Which batch norms slimfix's own layer trains exactly as the graph does (`exact_batch_norm`)."""

from __future__ import annotations

from typing import Any, Iterable, Sequence

from slimfix import names
from slimfix.errors import CheckpointMismatchError, count, explain
from slimfix.graphdef.batch_norm import BatchNormLayer
from slimfix.graphdef.view import GraphView
from slimfix.graphdef.weighted import weighs_examples
from slimfix.migration.records import LayerRecord, WeightRecord
from slimfix.network.weights import Weights

TARGET = "slimfix.SlimBatchNormalization"
_ZERO_DEBIAS = ("biased", "local_step")


def find_exact(
    view: GraphView, layers: Iterable[BatchNormLayer], weights: Weights
) -> tuple[frozenset[str], list[str]]:
    """Returns the moving_mean of each layer that becomes slimfix's, and notes on the others.

    Args:
      view: the whole graph.
      layers: one for each moving_mean; the one that trains it.
      weights: what was saved.
    Raises: CheckpointMismatchError: the checkpoint lacks what zero_debias_moving_mean keeps.
    """
    layers = list(layers)
    reasons = {layer.scope: _why_not(view, layer) for layer in layers}
    exact = [layer for layer in layers if not reasons[layer.scope]]
    missing = [name for layer in exact for name in layer.extras if name not in weights]
    if missing:
        raise CheckpointMismatchError(
            explain(
                f"{count(len(missing), 'variable')} of zero_debias_moving_mean that an exact batch "
                f"norm goes on with are not in checkpoint prefix '{weights.checkpoint.prefix}'",
                [f"'{name}'" for name in missing],
                cause="it was saved with Saver(slim.get_model_variables()), which drops them.",
                fix="leave exact_batch_norm out, or use a checkpoint that holds them, as "
                "slimfix.build_saver() writes it.",
            )
        )
    notes = [f"{scope}: not an exact batch norm: {why}" for scope, why in reasons.items() if why]
    return frozenset(str(layer.moving_mean) for layer in exact), notes


def _why_not(view: GraphView, layer: BatchNormLayer) -> str:
    if layer.mode == "inference":
        return "the graph does not show how it trains; migrate from the training graph's .meta"
    if layer.decay is None:
        return "its decay is no constant"
    if weighs_examples(view, layer):
        return "slim weighs the examples of its batches (batch_weights)"
    kept = sorted(names.last_part(name) for name in layer.extras)
    if kept not in ([], list(_ZERO_DEBIAS)):
        return f"slim keeps {', '.join(kept)} too, as for renorm"
    return ""


def settings(layer: BatchNormLayer) -> dict[str, Any]:
    """Returns the arguments that slimfix's layer takes beyond those of Keras's."""
    return {"fused": layer.kind == "fused", "zero_debias_moving_mean": bool(layer.extras)}


def extra_weights(layer: BatchNormLayer, channels: tuple[int, ...]) -> list[WeightRecord]:
    """Returns the records of what zero_debias_moving_mean keeps; [] without it."""
    shapes = {"biased": channels, "local_step": ()}
    found = {names.last_part(name): name for name in layer.extras}
    return [WeightRecord(name, found[name], shapes[name]) for name in sorted(found)]


def loading_notes(records: Sequence[LayerRecord]) -> list[str]:
    """Returns what a model needs to load that has layers of slimfix; [] if it has none."""
    exact = {record.name for record in records if record.target == TARGET}
    if not exact:
        return []
    layers = f"{count(len(exact), 'layer')} of the model {'is' if len(exact) == 1 else 'are'}"
    return [f"exact_batch_norm: {layers} {TARGET}: import it before keras.models.load_model"]
