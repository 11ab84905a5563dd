"""Puts the layers of a plan into blocks that follow the slim scopes, in an order that runs."""

from __future__ import annotations

import dataclasses
import heapq
from collections import Counter
from typing import Iterator, Mapping, Sequence

from slimfix import names
from slimfix.migration.records import LayerRecord, ModelPlan


@dataclasses.dataclass(frozen=True)
class Call:
    """One layer record: one call of a layer or of an operation.

    Attributes:
      record: what is called.
      position: in the plan.
      scope: where the op lies in the graph. A layer that reads variables is called by their scope,
        which is another one where slim opened a scope again: ops lie in 'Net/Net/conv1' then.
      shared: whether the layer is called elsewhere too.
    """

    record: LayerRecord
    position: int
    scope: str
    shared: bool


@dataclasses.dataclass(frozen=True)
class Block:
    """All calls in one scope, in an order in which they can run."""

    scope: str
    items: tuple[Block | Call, ...]

    def calls(self) -> Iterator[Call]:
        """Yields every call, those of inner blocks too, in order."""
        for item in self.items:
            if isinstance(item, Block):
                yield from item.calls()
            else:
                yield item


def group_by_scope(plan: ModelPlan) -> Block:
    """Returns the layers of a plan as a tree of blocks.

    Each block has at least two calls; a scope that holds no more than one inner scope is no block
    of its own. Where scopes feed one another in a circle, a scope becomes several blocks.
    """
    uses = Counter(record.name for record in plan.layers)
    calls = []
    for position, record in enumerate(plan.layers):
        shared = uses[record.name] > 1
        calls.append(Call(record, position, "" if shared else _op_scope(record), shared))
    return _Grouping(plan).block("", calls, 0)


def _op_scope(record: LayerRecord) -> str:
    """Returns the scope of the op that ends a layer: up to the part that the layer is named by."""
    if not record.weights:
        return record.scope
    parts = names.split_tensor_name(record.outputs[0])[0].split("/")[:-1]
    own = names.last_part(record.scope)
    while own in parts and parts[-1] != own:
        parts.pop()
    return "/".join(parts) or record.scope


class _Grouping:
    def __init__(self, plan: ModelPlan):
        self._made_by: dict[str, int] = {}
        self._before: dict[int, set[int]] = {}
        last_call: dict[str, int] = {}
        for position, record in enumerate(plan.layers):
            needs = {self._made_by[t] for t in record.inputs if t in self._made_by}
            if record.name in last_call:  # Keras counts the calls of a shared layer.
                needs.add(last_call[record.name])
            last_call[record.name] = position
            self._before[position] = needs
            self._made_by.update(dict.fromkeys(record.outputs, position))

    def block(self, scope: str, calls: Sequence[Call], depth: int) -> Block:
        """Returns the block of `calls`, which all lie in `scope`, `depth` parts long."""
        keys = [_key(call, depth) for call in calls]
        while len(set(keys)) == 1 and not isinstance(keys[0], int):
            scope = f"{scope}/{keys[0]}" if depth else keys[0]
            depth += 1
            keys = [_key(call, depth) for call in calls]
        members: dict[int | str, list[Call]] = {}
        for key, call in zip(keys, calls):
            members.setdefault(key, []).append(call)
        groups = self._ordered(list(members.values())) or _runs(keys, calls)
        items: list[Block | Call] = []
        for group in groups:
            if len(group) == 1:
                items.append(group[0])
            else:
                part = str(_key(group[0], depth))
                inner = f"{scope}/{part}" if depth else part
                items.append(self.block(inner, group, depth + 1))
        return Block(scope, tuple(items))

    def _ordered(self, groups: list[list[Call]]) -> list[list[Call]] | None:
        """Returns the groups in an order in which they can run; None if there is none."""
        group_of = {call.position: i for i, group in enumerate(groups) for call in group}
        waits: Mapping[int, set[int]] = {
            i: {
                group_of[before]
                for call in group
                for before in self._before[call.position]
                if group_of.get(before, i) != i
            }
            for i, group in enumerate(groups)
        }
        followers: dict[int, list[int]] = {}
        for i, before in waits.items():
            for other in before:
                followers.setdefault(other, []).append(i)
        left = {i: len(before) for i, before in waits.items()}
        ready = [i for i, number in left.items() if not number]
        heapq.heapify(ready)  # Groups are numbered by their first call.
        order = []
        while ready:
            i = heapq.heappop(ready)
            order.append(groups[i])
            for follower in followers.get(i, ()):
                left[follower] -= 1
                if not left[follower]:
                    heapq.heappush(ready, follower)
        return order if len(order) == len(groups) else None


def _key(call: Call, depth: int) -> int | str:
    """Returns the next part of a call's scope, or its position where the scope ends."""
    parts = call.scope.split("/")
    return parts[depth] if depth < len(parts) and call.scope else call.position


def _runs(keys: Sequence[int | str], calls: Sequence[Call]) -> list[list[Call]]:
    """Returns the calls in the order of the plan, neighbours of one scope together."""
    runs: list[list[Call]] = []
    last: int | str | None = None
    for key, call in zip(keys, calls):
        if not runs or key != last:
            runs.append([])
        runs[-1].append(call)
        last = key
    return runs
