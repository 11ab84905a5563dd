"""A part of the search that is quick; and that it can fail."""

import dataclasses
import random

import numpy as np
import pytest

from slimfix.parity import Level, verify
from slimfix.parity.rows import SettingsParity, StructureParity, WeightsParity
from tests.mutants.search import run, trial
from tests.mutants.search.cases import GeneratorError, draw_case, open_subject
from tests.mutants.search.edits import EDITS, Change, Edit, Scene
from tests.mutants.search.evidence import PLAIN, ROUNDING
from tests.mutants.search.forms import FORMS
from tests.mutants.search.sketch import build
from tests.mutants.search.table import format_faults, format_score
from tests.mutants.search.trial import Outcome, try_case

SEED = "test"
# Numbers of networks that are small: their sizes are known.
NET, OTHER = 2, 5


@pytest.fixture(scope="module")
def subject():
    with open_subject(SEED, NET) as found:
        yield found


def drawn(subject, name):
    """One case of an edit, as `draw_case` makes it."""
    edit = EDITS[name]
    change = edit.make(Scene(subject.sketch, random.Random(1), subject.trains))
    case = draw_case(subject, SEED, NET * 12)
    levels = frozenset({Level.WEIGHTS, Level.INFERENCE})
    must = frozenset({Level.WEIGHTS})
    return dataclasses.replace(
        case, sketch=change.sketch, edit=edit, change=change, forms=(), must=must, levels=levels
    )


def test_there_are_many_edits_and_forms_of_every_kind():
    assert len(EDITS) >= 150
    assert len({edit.room for edit in EDITS.values()}) >= 9
    assert len(FORMS) >= 30


def test_a_case_depends_on_seed_and_index_alone(subject):
    indexes = [NET * 12 + place for place in (0, 3, 11)]
    one = [draw_case(subject, SEED, index) for index in indexes]
    with open_subject(SEED, NET) as again:
        other = [draw_case(again, SEED, index) for index in reversed(indexes)][::-1]
    for first, second in zip(one, other):
        assert (first.edit, first.forms, first.must) == (second.edit, second.forms, second.must)
        assert (first.change and first.change.text) == (second.change and second.change.text)
        values = [build(case.sketch).get_weights() for case in (first, second)]
        assert all(map(np.array_equal, *values))
    assert one[0].change and one[1].change and one[0].change.text != one[1].change.text
    assert one[2].change is None


def test_the_plan_as_a_sketch_is_the_migrated_model(subject):
    images = np.random.default_rng(3).normal(size=(2, *subject.sketch.inputs[0].shape[1:]))
    ours, theirs = (
        model(images.astype(np.float32))
        for model in (build(subject.sketch), subject.net.migration.model)
    )
    for one, other in zip(*(each if isinstance(each, list) else [each] for each in (ours, theirs))):
        assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("name", "usual", "anywhere"),
    [
        ("only_for_zeros", False, True),
        ("insert_tanh", True, True),
        ("insert_noise", False, False),
    ],
)
def test_evidence_tells_what_inference_shows(subject, name, usual, anywhere):
    """What is wrong for zeros shows on odd inputs alone; noise in training alone."""
    found = subject.planned.compare(drawn(subject, name).sketch)
    assert (found.usual > PLAIN, found.anywhere > ROUNDING) == (usual, anywhere)


def test_a_form_that_changes_the_function_is_a_fault_of_the_generator(subject, monkeypatch):
    wrong = drawn(subject, "insert_tanh").sketch
    other = dataclasses.replace(FORMS["compiled"], write=lambda scene: wrong)
    forms = {"compiled": other, "all_renamed": FORMS["all_renamed"]}
    monkeypatch.setattr("tests.mutants.search.cases.FORMS", forms)
    with pytest.raises(GeneratorError, match="is another function"):
        draw_case(subject, SEED, NET * 12 + 11)


def test_an_edit_that_changes_nothing_is_drawn_anew(subject, monkeypatch):
    nothing = Edit("nothing", "none", lambda scene: Change(scene.sketch, "nothing", ()))
    monkeypatch.setattr("tests.mutants.search.cases.EDITS", {"nothing": nothing})
    monkeypatch.setattr("tests.mutants.search.cases._TRIES", 3)
    with pytest.raises(GeneratorError, match="no edit applies"):
        draw_case(subject, SEED, NET * 12)


def test_a_clip_that_no_input_shows_is_caught_by_structure_alone(subject, monkeypatch):
    case = drawn(subject, "insert_clip_far")
    assert try_case(subject, case, 0).seen == {Level.WEIGHTS}
    equal = StructureParity(1, ())
    monkeypatch.setattr(verify, "compare_structure", lambda *_: equal)
    monkeypatch.setattr(verify, "compare_settings", lambda *_: SettingsParity(1, ()))
    blind = try_case(subject, case, 0)
    assert blind.passed and blind.is_mutant
    assert "PASSED: insert_clip_far" in format_faults([blind], SEED)


def test_a_blind_proof_leaves_survivors(monkeypatch):
    """Sabotage: a proof that calls all equal."""
    monkeypatch.setattr(verify, "compare_structure", lambda *_: StructureParity(1, ()))
    monkeypatch.setattr(verify, "compare_settings", lambda *_: SettingsParity(1, ()))
    monkeypatch.setattr(verify, "compare_weights", lambda *_: WeightsParity(1, ()))
    outcomes = trial.run_net(SEED, OTHER)
    assert sum(each.passed for each in outcomes if each.is_mutant) >= 2


def test_a_proof_that_refuses_all_gives_alarms(subject, monkeypatch):
    monkeypatch.setattr("slimfix.parity.compare.SURELY_ROUNDING", -1.0)
    monkeypatch.setattr("slimfix.parity.compare.rounding_limit", lambda own: -1.0)
    case = draw_case(subject, SEED, NET * 12 + 11)
    outcome = try_case(subject, case, NET * 12 + 11)
    assert not outcome.passed
    assert f"--only={SEED}:{NET * 12 + 11}" in format_faults([outcome], SEED)


def test_the_score_counts_what_is_caught_and_what_is_true():
    must = frozenset({Level.WEIGHTS, Level.TRAINING})
    mutant = Outcome(0, "edit", "room", "what was done", must)
    outcomes = [
        mutant,
        dataclasses.replace(mutant, index=1, seen=must, causes=("momentum",)),
        dataclasses.replace(mutant, index=2, seen=must, causes=("axis",), false=("axis",)),
        dataclasses.replace(mutant, index=3, seen=frozenset({Level.WEIGHTS})),
        dataclasses.replace(mutant, index=4, crash="KeyError: 'x'"),
        Outcome(5, "", "", "right", frozenset()),
        Outcome(6, "", "", "right", frozenset(), frozenset({Level.WEIGHTS})),
    ]
    assert format_score(outcomes).splitlines() == [
        "2 of 5 mutants caught at every level that should (40 %); 1 passed",
        "1 false alarms in 2 right models",
        "3 of 4 likely causes true or absent (75 %); 2 given",
    ]
    said = format_faults(outcomes, "s")
    assert "PASSED: edit: what was done\n    must be seen at L0,2\n    --only=s:0" in said
    assert "FALSE CAUSE: edit: what was done\n    axis\n    --only=s:2" in said
    assert "NOT SEEN AT L2: edit: what was done\n    seen at L0\n    --only=s:3" in said
    assert "CRASH: edit: what was done\n    KeyError: 'x'\n    --only=s:4" in said
    assert "FALSE ALARM AT L0: right model: right" in said


def test_one_case_is_made_again(capsys):
    status = run.main([f"--only={SEED}:{NET * 12}"])
    printed = capsys.readouterr().out
    assert printed.startswith(draw_label(NET * 12))
    assert ("--only" in printed) == bool(status)


def draw_label(index):
    with open_subject(SEED, NET) as again:
        case = draw_case(again, SEED, index)
    return f"{case.edit.name}: {case.change.text}"
