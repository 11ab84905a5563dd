"""Names the tensors of a body: `x` along the main path, by their scopes beside it."""

from __future__ import annotations

from typing import Mapping, Sequence

from slimfix import names
from slimfix.source.identifiers import Identifiers, identifier
from slimfix.source.loops import Loop, Statement
from slimfix.source.steps import Body, Step

MAIN = "x"
_FAR = 12  # Statements; what is read again after so many has a name of its own.


def first_step(statement: Statement) -> Step:
    """Returns a statement's step; of a loop the first."""
    return statement.steps[0] if isinstance(statement, Loop) else statement


def outputs_of(statement: Statement) -> tuple[str, ...]:
    """Returns the tensors that a statement leaves."""
    return statement.steps[-1].outputs if isinstance(statement, Loop) else statement.outputs


def name_tensors(
    body: Body,
    statements: Sequence[Statement],
    inputs: Mapping[str, str],
    identifiers: Identifiers,
    outer: str,
) -> dict[str, str]:
    """Returns the variable of every tensor that the statements read or leave.

    A variable is used again only when nothing needs its old value. A path goes on under its name
    while it stays in the scope that the name comes from, and as `x` where branches meet.

    Args:
      body: says what is needed at its end.
      statements: its steps, in order.
      inputs: variable by tensor, of what the body is given.
      identifiers: knows the names that are taken.
      outer: scope below which other scopes are named; '' for whole scopes.
    """
    last_read: dict[str, int] = dict.fromkeys(body.outputs, len(statements))
    readers: dict[str, int] = dict.fromkeys(body.outputs, 1)
    for position, statement in enumerate(statements):
        for tensor in dict.fromkeys(first_step(statement).inputs):
            last_read[tensor] = max(position, last_read.get(tensor, 0))
            readers[tensor] = readers.get(tensor, 0) + 1
    variables = dict(inputs)
    live = dict(inputs)
    origins: dict[str, str] = {}  # The scope that a variable is named by.
    sections: dict[str, str] = {}  # Where the value that a variable holds was made.
    for position, statement in enumerate(statements):
        step = first_step(statement)
        sources = list(dict.fromkeys(step.inputs))
        live = {t: name for t, name in live.items() if last_read.get(t, -1) > position}
        held = set(live.values())
        outputs = outputs_of(statement)
        if len(outputs) > 1:
            wish = identifier(names.last_part(step.scope))
            for index, tensor in enumerate(outputs):
                unread = "" if tensor in last_read else "_"
                variables[tensor] = identifiers.free(f"{unread}{wish}_{index}", held)
                live[tensor] = variables[tensor]
                held.add(variables[tensor])
            continue
        (tensor,) = outputs
        before = variables[sources[0]] if len(sources) == 1 else ""
        dies = bool(before) and last_read[sources[0]] == position
        alone = dies and readers[sources[0]] == 1
        elsewhere = all(sections.get(name, "") != step.section for name in held)
        is_far = readers.get(tensor, 0) > 1 and last_read[tensor] - position > _FAR
        may_be_main = MAIN not in held and not is_far
        from_main = alone and (before == MAIN or sources[0] in inputs)
        if may_be_main and (from_main or len(sources) > 1):
            variables[tensor] = MAIN
        elif alone and before in origins and names.in_scope(step.scope, origins[before]):
            variables[tensor] = before
        elif may_be_main and dies and elsewhere:
            variables[tensor] = MAIN
        else:
            origin = _first_scope(step.scope, step.section or outer)
            name = identifiers.free(identifier(names.last_part(origin)), held)
            origins[name] = origin
            variables[tensor] = name
        live[tensor] = variables[tensor]
        sections[variables[tensor]] = step.section
    return variables


def _first_scope(scope: str, outer: str) -> str:
    """Returns the scope in `outer` that holds `scope`: 'a/b/c' in 'a' gives 'a/b'."""
    if not outer or scope == outer or not names.in_scope(scope, outer):
        return scope
    return outer + "/" + scope[len(outer) + 1 :].partition("/")[0]
