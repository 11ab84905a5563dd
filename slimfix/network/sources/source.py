"""What the user says the network is to be read from."""

from __future__ import annotations

import dataclasses
import os
from typing import Any, Callable, Mapping, Sequence

from slimfix.checkpoint import meta_beside, read_checkpoint
from slimfix.errors import UsageError, explain
from slimfix.graphdef.meta import read_meta
from slimfix.network.batch_norm_choice import BATCH, MOVING
from slimfix.network.network import Network, open_network
from slimfix.network.sources.frozen_graph import open_frozen_graph
from slimfix.network.sources.function import open_function
from slimfix.network.sources.saved_model import open_saved_model
from slimfix.paths import as_path


@dataclasses.dataclass(frozen=True)
class Source:
    """A checkpoint with its `.meta` or with a network function, a frozen graph, or a SavedModel.

    Attributes:
      checkpoint: checkpoint prefix.
      meta: path of the graph; None for `checkpoint` + '.meta'.
      frozen_graph: path of a GraphDef with its weights in it, 'frozen.pb'.
      saved_model: folder of a TensorFlow 1 SavedModel.
      network: a function that builds the network in the default graph, or its name as
        'package.module:function'.
      network_kwargs: keyword arguments of that function.
      input_shape: of the input that it takes, without the batch; () where it takes none.
      allow_ops: op types that may run although they do more than compute.
      batch_norm: which statistics a batch norm that is in training mode for good uses in inference:
        'moving', or 'batch' for each batch's; None to be asked where the graph does not tell.
    """

    checkpoint: str | os.PathLike[str] | None = None
    meta: str | os.PathLike[str] | None = None
    frozen_graph: str | os.PathLike[str] | None = None
    saved_model: str | os.PathLike[str] | None = None
    network: str | Callable[..., Any] | None = None
    network_kwargs: Mapping[str, Any] | None = None
    input_shape: Sequence[int | None] = ()
    allow_ops: str | Sequence[str] = ()
    batch_norm: str | None = None

    def open(self) -> Network:
        """Returns the network, read.

        Raises:
          UsageError: the arguments do not go together, or one of them is wrong.
          CheckpointError: a file is missing or damaged.
        """
        self._check()
        network = self._read()
        ops = [self.allow_ops] if isinstance(self.allow_ops, str) else self.allow_ops
        view = network.view.allowing(ops)
        if self.batch_norm == BATCH:
            view = view.keeping_batch_statistics()
        return dataclasses.replace(network, view=view, batch_norm=self.batch_norm)

    def _read(self) -> Network:
        if self.frozen_graph is not None:
            return open_frozen_graph(as_path(self.frozen_graph, "frozen graph"))
        if self.saved_model is not None:
            return open_saved_model(as_path(self.saved_model, "SavedModel"))
        checkpoint = read_checkpoint(self.checkpoint)
        if self.network is not None:
            arguments = self.network_kwargs or {}
            return open_function(self.network, arguments, self.input_shape, checkpoint)
        beside = meta_beside(checkpoint.prefix)
        meta = beside if self.meta is None else as_path(self.meta, "meta file")
        return open_network(read_meta(meta), checkpoint, meta)

    def _check(self) -> None:
        """Raises UsageError unless the arguments name exactly one network."""
        whole = [name for name in ("frozen_graph", "saved_model") if getattr(self, name)]
        given = [name for name in ("checkpoint", *whole) if getattr(self, name) is not None]
        if len(given) != 1:
            raise UsageError(
                explain(
                    f"{' and '.join(given) or 'Nothing'} given to read a network from",
                    fix="give one of: checkpoint (with its .meta, or with network), frozen_graph, "
                    "saved_model.",
                )
            )
        extra = [name for name in ("meta", "network") if getattr(self, name) is not None]
        if whole and extra:
            raise UsageError(f"{whole[0]} holds its graph; {' and '.join(extra)} cannot be another")
        if len(extra) > 1:
            raise UsageError("meta and network are two graphs; give one")
        if self.batch_norm not in (None, MOVING, BATCH):
            raise UsageError(f"batch_norm is {self.batch_norm!r}; want '{MOVING}' or '{BATCH}'")
        if self.network is None and (self.network_kwargs or self.input_shape):
            raise UsageError("network_kwargs and input_shape are for network, which was not given")
