"""A part of `make mutants` that is quick: the registry, some mutants, some right migrations."""

import dataclasses

import pytest

from slimfix.parity.rows import SettingsParity, WeightsParity
from slimfix.parity.verdicts import Level
from tests.mutants import run
from tests.mutants.kinds import KINDS
from tests.mutants.nets import BUILDERS, build_nets
from tests.mutants.score import find_false_alarms, try_kinds

# One or two of each room, on one net each; between them, every level must see something.
SAMPLE = {
    "same_for_explicit_padding": "residual",
    "resized_with_half_pixels": "pair",
    "output_channels_swapped": "digits",
    "one_weight_off_by_one_ulp": "averages",
    "epsilon_of_the_other_default": "residual",
    "gamma_lost": "exact",
    "stale_statistics": "digits",
    "statistics_of_another_layer": "exact",
    "shared_layer_copied": "pair",
    "penalty_doubled": "averages",
    "momentum_is_one_minus_decay": "exact",
    "biased_variance_kept": "exact",
    "gradient_stopped": "averages",
    "dropout_that_the_graph_does_not_have": "averages",
}


@pytest.fixture(scope="module")
def nets(tmp_path_factory):
    """The five nets by name."""
    built = build_nets(str(tmp_path_factory.mktemp("nets")))
    return {net.name: net for net in built}


def test_there_are_many_kinds_and_every_level_must_see_some():
    assert len(KINDS) >= 50
    assert frozenset().union(*(kind.levels for kind in KINDS.values())) == set(Level)
    sampled = (KINDS[name].levels for name in SAMPLE)
    assert frozenset().union(*sampled) == set(Level)


def test_every_kind_applies_to_some_net(nets):
    for kind in KINDS.values():
        assert any(kind.mutate(net) is not None for net in nets.values()), kind.name


@pytest.mark.parametrize(("name", "net"), SAMPLE.items())
def test_mutants_are_caught_at_each_level_that_should(nets, name, net):
    (trial,) = try_kinds([KINDS[name]], [nets[net]])
    assert trial.kind.levels <= trial.seen


@pytest.mark.parametrize("name", BUILDERS)
def test_right_migrations_pass_at_every_level(nets, name):
    ((_, seen),) = find_false_alarms([nets[name]])
    assert seen == frozenset()


def test_drawn_networks_pass_at_every_level():
    assert run.verify_drawn(5) == (5, [])


def test_blind_levels_lower_the_score(nets, monkeypatch):
    """Sabotage: a proof that sees no difference, level by level."""
    from slimfix.parity import compare, verify

    kinds, net = [KINDS["beta_and_mean_swapped"]], [nets["averages"]]
    (sharp,) = try_kinds(kinds, net)
    assert sharp.caught
    monkeypatch.setattr(compare, "SURELY_ROUNDING", 1e9)
    monkeypatch.setattr(compare, "rounding_limit", lambda own: 1e9)
    (blind_to_outputs,) = try_kinds(kinds, net)
    assert not blind_to_outputs.caught
    assert blind_to_outputs.seen == {Level.WEIGHTS}
    monkeypatch.setattr(verify, "compare_weights", lambda *_: WeightsParity(1, ()))
    monkeypatch.setattr(verify, "compare_settings", lambda *_: SettingsParity(1, ()))
    (blind,) = try_kinds(kinds, net)
    assert blind.seen == frozenset()


def test_the_score_tells_a_miss(monkeypatch, capsys):
    """Sabotage: a mutant that is none."""
    harmless = dataclasses.replace(KINDS["gamma_lost"], mutate=lambda net: net.migration.model)
    monkeypatch.setitem(KINDS, "gamma_lost", harmless)
    monkeypatch.setattr("sys.argv", ["run", "gamma_lost", "--net", "averages", "--drawn", "0"])
    assert run.main() == 1
    printed = capsys.readouterr().out
    assert "NOT CAUGHT: gamma_lost on averages, at L0,1" in printed
    assert "0 of 1 mutants caught at every level that should (0 %): 1 kinds, 1 nets" in printed
    assert "0 false alarms in 1 right migrations: 1 nets, 0 drawn" in printed


def test_the_score_tells_a_false_alarm(monkeypatch, capsys):
    """Sabotage: a proof that takes rounding for another function."""
    from slimfix.parity import compare

    monkeypatch.setattr(compare, "SURELY_ROUNDING", -1.0)
    monkeypatch.setattr(compare, "rounding_limit", lambda own: -1.0)
    monkeypatch.setattr("sys.argv", ["run", "gamma_lost", "--net", "averages", "--drawn", "1"])
    assert run.main() == 1
    printed = capsys.readouterr().out
    assert "FALSE ALARM: averages: L1" in printed
    assert "FALSE ALARM: DrawnNet(" in printed
    assert "1 of 1 mutants caught at every level that should (100 %)" in printed
    assert "2 false alarms in 2 right migrations: 1 nets, 1 drawn" in printed


def test_a_kind_that_applies_nowhere_is_a_failure(monkeypatch, capsys):
    monkeypatch.setattr(
        "sys.argv", ["run", "embedding_rows_off_by_one", "--net", "averages", "--drawn", "0"]
    )
    assert run.main() == 1
    assert "APPLIES TO NO NET: embedding_rows_off_by_one" in capsys.readouterr().out
