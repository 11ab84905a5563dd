"""Draws what is tried, by a seed and an index: a wrong model, or a right one."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import tempfile
from typing import Collection, Iterator

from slimfix.parity import Level
from tests.mutants.nets import Net
from tests.mutants.search.edits import EDITS, Change, DoesNotApply, Edit, Scene
from tests.mutants.search.evidence import PLAIN, ROUNDING, SAME, Planned
from tests.mutants.search.forms import FORMS
from tests.mutants.search.nets import draw_net, migrate_net
from tests.mutants.search.sketch import Sketch, build, sketch_of

# Of one network, which is migrated once: the first are wrong, the others right.
WRONG, RIGHT = 10, 2
PER_NET = WRONG + RIGHT
_TRIES = 300
_OTHER_LAYERS = ("expressed", "kernels")  # Rooms of forms whose layers are not the plan's.
_DEEP = (Level.TRAINING, Level.GRADIENTS, Level.TRAJECTORY)


@dataclasses.dataclass(frozen=True)
class Subject:
    """A network that is edited.

    Attributes:
      net: it, migrated.
      sketch: the model as planned.
      planned: the same, run.
      trains: whether the graph moves the statistics of its batch norms.
    """

    net: Net
    sketch: Sketch
    planned: Planned
    trains: bool


@dataclasses.dataclass(frozen=True)
class Case:
    """A model to try.

    Attributes:
      sketch: of it.
      edit, change: what is wrong with it; None of a right one.
      forms: names of those it is written in.
      must: the levels that must see it.
      levels: those to run.
    """

    sketch: Sketch
    edit: Edit | None
    change: Change | None
    forms: tuple[str, ...]
    must: frozenset[Level]
    levels: frozenset[Level]


class GeneratorError(Exception):
    """The generator is wrong: what it calls right is another function, or nothing can be drawn."""


@contextlib.contextmanager
def open_subject(seed: str, number: int) -> Iterator[Subject]:
    """Gives a network by its seed and number, migrated; its checkpoint is there meanwhile."""
    drawn = draw_net(random.Random(f"{seed}:net:{number}"))
    with tempfile.TemporaryDirectory() as folder:
        net = migrate_net(drawn, folder)
        sketch = sketch_of(net.migration)
        trains = drawn.is_training is not False
        yield Subject(net, sketch, Planned(sketch), trains)


def draw_case(subject: Subject, seed: str, index: int) -> Case:
    """Returns the case of an index.

    An edit that does not apply, that Keras refuses, or that is to change inference and does so on
    no input tried, is drawn anew.

    Raises: GeneratorError.
    """
    draw = random.Random(f"{seed}:{index}")
    if index % PER_NET >= WRONG:
        return _draw_right(subject, draw, f"{seed}:{index}")
    for _ in range(_TRIES):
        edit = EDITS[draw.choice(sorted(EDITS))]
        number = draw.choice((0, 0, 1, 2, 3))
        try:
            change = edit.make(Scene(subject.sketch, draw, subject.trains))
            sketch, forms = _write(change.sketch, draw, subject.trains, number)
            must = _levels(subject.planned, sketch, change, _is_renamed(forms))
        except (DoesNotApply, *_refusals()):
            continue
        if must:
            levels = frozenset({Level.WEIGHTS, Level.INFERENCE, *must})
            return Case(sketch, edit, change, forms, must, levels)
    raise GeneratorError(f"{seed}:{index}: no edit applies")


def _draw_right(subject: Subject, draw: random.Random, label: str) -> Case:
    sketch, forms = _write(subject.sketch, draw, subject.trains, draw.randint(1, 3))
    try:
        apart = subject.planned.compare(sketch)
    except _refusals() as error:
        raise GeneratorError(f"{label}: {', '.join(forms)} cannot be built") from error
    if apart.anywhere > SAME:
        raise GeneratorError(f"{label}: {', '.join(forms)} is another function: {apart}")
    levels = frozenset({Level.WEIGHTS, Level.INFERENCE, draw.choice(_DEEP)})
    return Case(sketch, None, None, forms, frozenset(), levels)


def _levels(planned: Planned, sketch: Sketch, change: Change, is_renamed: bool) -> frozenset[Level]:
    """Returns the levels that must see a change; none where it changes nothing.

    The operations of a model with names of its own may be written otherwise, so that what usual
    inputs show is left to numbers.
    """
    if not change.shows:
        build(sketch)
        return frozenset({Level.WEIGHTS, *change.levels})
    apart = planned.compare(sketch)
    if apart.anywhere < ROUNDING:
        return frozenset()
    if apart.usual <= PLAIN:
        return frozenset({Level.WEIGHTS, *change.levels})
    by_structure = set() if is_renamed else {Level.WEIGHTS}
    return frozenset({Level.INFERENCE, *by_structure, *change.levels})


def _is_renamed(forms: Collection[str]) -> bool:
    return any(FORMS[name].room == "naming" for name in forms)


def _write(
    sketch: Sketch, draw: random.Random, trains: bool, number: int
) -> tuple[Sketch, tuple[str, ...]]:
    """Returns a sketch in some other forms, and their names.

    A model that has all the plan's names has to have its layers too: one whose layers are others
    has names of its own, some of which may be the plan's.
    """
    by_name = sorted(name for name, each in FORMS.items() if each.room == "naming")
    others = sorted(FORMS.keys() - set(by_name))
    forms: list[str] = []
    for _ in range(_TRIES):
        if len(forms) == number:
            break
        written = _written(sketch, draw, trains, draw.choice(others))
        if written is not None:
            sketch, name = written
            forms.append(name)
    is_renamed = any(FORMS[name].room in _OTHER_LAYERS for name in forms)
    while is_renamed or (number and draw.random() < 0.4):
        written = _written(sketch, draw, trains, draw.choice(by_name))
        if written is not None:
            sketch, name = written
            return sketch, (*forms, name)
    return sketch, tuple(forms)


def _written(
    sketch: Sketch, draw: random.Random, trains: bool, name: str
) -> tuple[Sketch, str] | None:
    """Returns a sketch in a form, and the form's name; None where it cannot be."""
    try:
        written = FORMS[name].write(Scene(sketch, draw, trains))
        assert written.tensors  # Keras builds it.
    except (DoesNotApply, *_refusals()):
        return None
    return written, name


def _refusals() -> tuple[type[Exception], ...]:
    """Returns what Keras and TensorFlow raise for what does not fit together."""
    import tensorflow as tf

    return (ValueError, TypeError, AttributeError, NotImplementedError, tf.errors.OpError)
