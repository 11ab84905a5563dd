"""The one text about function calls that may hide a batch norm, whatever is refused for them."""

from __future__ import annotations

from typing import Sequence

from slimfix.errors import explain
from slimfix.graphdef.view import GraphView


def explain_hidden_calls(task: str, view: GraphView, unread: Sequence[str]) -> str:
    """Returns the text of an error.

    Args:
      task: what cannot be done: 'Cannot check the update ops'.
      view: the graph, functions inlined.
      unread: what `find_unread_nodes` returns of it, not empty.
    """
    return explain(
        f"{task}: {len(unread)} of {len(view.nodes)} nodes are function calls that may hold a "
        "batch norm",
        [f"'{name}' ({view.nodes[name].op})" for name in unread],
        cause="tf.case was built with control flow version 2; its branches are functions.",
        fix="call tf.disable_control_flow_v2() before the graph is built.",
    )
