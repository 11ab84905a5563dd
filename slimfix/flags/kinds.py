"""Kinds of flags that absl does not have: a decay, and scopes between commas."""

from __future__ import annotations

from absl import flags

flags.disclaim_key_flags()


def define_decay(
    name: str, default: float | None, help_text: str, flag_values: flags.FlagValues
) -> None:
    """Defines a float flag in [0, 1), without a unit; None where its default is."""
    flags.DEFINE_float(name, default, help_text, flag_values=flag_values)
    flags.register_validator(
        name,
        lambda value: value is None or 0 <= value < 1,
        message=f"--{name} must be at least 0 and below 1.",
        flag_values=flag_values,
    )


def split_scopes(text: str | None) -> tuple[str, ...]:
    """Returns the scopes of a flag: 'a, b/c' gives ('a', 'b/c'); () for None."""
    return tuple(scope.strip() for scope in (text or "").split(",") if scope.strip())
