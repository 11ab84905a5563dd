"""A part of a long check, drawn by a seed: CI takes the commit, so that each tries other parts."""

from __future__ import annotations

import argparse
import random
from typing import Sequence, TypeVar

T = TypeVar("T")


def add_flags(parser: argparse.ArgumentParser, what: str) -> None:
    """Adds --sample and --seed, which `choose` takes."""
    parser.add_argument("--sample", type=int, metavar="N", help=f"only N {what}, drawn by --seed")
    parser.add_argument("--seed", default="0", help="any text, such as a commit")


def choose(items: Sequence[T], options: argparse.Namespace) -> list[T]:
    """Returns --sample of the items in their order; all of them where it is not given."""
    if options.sample is None:
        return list(items)
    count = min(options.sample, len(items))
    chosen = random.Random(options.seed).sample(range(len(items)), count)
    return [items[index] for index in sorted(chosen)]
