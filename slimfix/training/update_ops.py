"""The static proof that a train op keeps the statistics of every batch norm it trains through."""

from __future__ import annotations

import dataclasses
from typing import Any, Iterable, Sequence

from slimfix.graph.layers import view_graph
from slimfix.graphdef.batch_norm import BatchNormLayer, find_batch_norm_layers
from slimfix.graphdef.updates import updates_run_by
from slimfix.graphdef.view import GraphView
from slimfix.scopes import pick_by_scope
from slimfix.training import update_faults as faults
from slimfix.training.update_faults import UPDATE_OPS


@dataclasses.dataclass(frozen=True)
class UpdatesRecord:
    """What one run of a train op does to the batch norms that it trains through.

    Attributes:
      updated: scopes of those in training mode whose statistics it updates.
      frozen: scopes of those in training mode whose statistics it leaves alone, as it was told.
      inference: scopes of those that only normalise with their moving statistics.
    """

    updated: tuple[str, ...]
    frozen: tuple[str, ...]
    inference: tuple[str, ...]


def verify_train_op(train_op: Any, *, frozen_scopes: str | Sequence[str] = ()) -> UpdatesRecord:
    """Proves that one run of a train op updates every batch norm that it trains through.

    The proof is static: it reads the graph and runs nothing. `BatchNormHook` proves the same of a
    session. It holds whoever built the op: slimfix, slim, or `optimizer.minimize`. Values are not
    read: what runs only in one branch of a `tf.cond` is taken to run, a switch to be on. Batch
    norms are those that `find_batch_norm_layers` finds.

    Args:
      train_op: op or tensor that takes one training step.
      frozen_scopes: scopes of the batch norms whose statistics it must not move, such as those of
        the generator in the step of the discriminator. Their updates are not demanded, and that
        the op reaches none of them is proved.
    Returns: UpdatesRecord.
    Raises:
      UpdateOpsError: an update would not run, each with the reason; or a frozen statistic would
        move; or a function call hides what it does to a batch norm.
      UsageError: a scope holds no batch norm.
    """
    plan = Plan.read(train_op)
    return plan.prove(frozen_scopes)


@dataclasses.dataclass(frozen=True)
class Plan:
    """A graph read once: what a train op, or the loss of one to come, says of its batch norms.

    Attributes:
      root: name of the op that takes the step, or computes the loss.
    """

    graph: Any
    view: GraphView
    layers: list[BatchNormLayer]
    root: str

    @classmethod
    def read(cls, root: Any) -> Plan:
        """Returns the plan for an op or tensor. Raises UsageError for anything else."""
        faults.refuse_no_op(root)
        view = view_graph(root.graph)
        return cls(root.graph, view, find_batch_norm_layers(view), faults.op_name(root))

    def select(self, update_ops: Sequence[Any] | None, frozen_scopes: Sequence[str] | str) -> list:
        """Returns the ops to run: those given, or of UPDATE_OPS those that move nothing frozen.

        Raises: UpdateOpsError: one lies inside a branch, or in another graph.
        """
        if update_ops is None:
            frozen = self._frozen_updates(frozen_scopes)
            update_ops = [
                item
                for item in self.graph.get_collection(UPDATE_OPS)
                if not frozen.intersection(updates_run_by(self.view, faults.op_name(item)))
            ]
        update_ops = list(update_ops)  # A generator can be read only once.
        faults.refuse_foreign(self.graph, update_ops)
        faults.refuse_in_branches(
            self.view, self.layers, [faults.op_name(item) for item in update_ops]
        )
        return update_ops

    def prove(
        self, frozen_scopes: Sequence[str] | str, update_ops: Sequence[str] | None = None
    ) -> UpdatesRecord:
        """Raises unless a step does what `verify_train_op` says.

        Args:
          frozen_scopes: scopes of batch norms.
          update_ops: names of what is to run beside the root; None if the root is all that runs.
        """
        needed = self.view.ancestors([self.root])
        reached = self.view.ancestors([self.root, *(update_ops or ())])
        faults.refuse_unread(self.view, needed)
        picked = self._pick(frozen_scopes)
        used = [layer for layer in self.layers if needed.intersection(layer.normalise_ops)]
        training = [layer for layer in used if layer.mode != "inference"]
        demanded = [layer for layer in training if layer.scope not in picked]
        frozen = [layer for layer in self.layers if layer.scope in picked]
        faults.refuse_moved(self.view, frozen, reached, set() if update_ops is None else needed)
        faults.refuse_lost(self.view, self.layers, demanded, reached)
        return UpdatesRecord(
            updated=_scopes(demanded),
            frozen=_scopes(layer for layer in training if layer.scope in picked),
            inference=_scopes(layer for layer in used if layer.mode == "inference"),
        )

    def _pick(self, frozen_scopes: Sequence[str] | str) -> set[str]:
        scopes = {layer.scope for layer in self.layers}
        return pick_by_scope(scopes, frozen_scopes, "frozen_scopes", "batch norm")

    def _frozen_updates(self, frozen_scopes: Sequence[str] | str) -> set[str]:
        picked = self._pick(frozen_scopes)
        return {name for layer in self.layers if layer.scope in picked for name in layer.update_ops}


def _scopes(layers: Iterable[BatchNormLayer]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(layer.scope for layer in layers))
