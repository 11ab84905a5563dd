"""What CI leaves out of the long checks changes with the commit, and a seed repeats it."""

import argparse

import pytest

from tests.sampling import add_flags, choose

ITEMS = [f"net{number}" for number in range(20)]


def options(*arguments):
    parser = argparse.ArgumentParser()
    add_flags(parser, "nets")
    return parser.parse_args(arguments)


def test_all_without_a_sample():
    assert choose(ITEMS, options()) == ITEMS


def test_a_seed_repeats_its_sample_in_order():
    chosen = choose(ITEMS, options("--sample=5", "--seed=d204eb1"))
    assert len(set(chosen)) == 5
    assert chosen == sorted(chosen, key=ITEMS.index)
    assert chosen == choose(ITEMS, options("--sample=5", "--seed=d204eb1"))


def test_other_seeds_reach_every_item():
    seen = set()
    for seed in range(60):
        seen.update(choose(ITEMS, options("--sample=3", f"--seed={seed}")))
    assert seen == set(ITEMS)


@pytest.mark.parametrize("more", [20, 21])
def test_a_sample_of_more_than_there_are_is_all(more):
    assert choose(ITEMS, options(f"--sample={more}")) == ITEMS
