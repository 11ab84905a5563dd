"""The `slimfix` command: finds the verb, parses its flags, turns errors into exit codes."""

from __future__ import annotations

import importlib
import os
import shlex
import sys
from typing import Sequence

from absl import flags

import slimfix
from slimfix.errors import (
    SlimfixError,
    UndecidedError,
    UnsupportedEnvironmentError,
    UsageError,
    printable,
)

# Verb -> what it does. The module of the same name below slimfix.commands does it.
VERBS = {
    "migrate": "Turn a TensorFlow 1 checkpoint and its graph into a verified Keras 3 model.",
    "record": "Write down what a TensorFlow 1 network computes, where it lives.",
    "verify": "Prove that a Keras model is a TensorFlow 1 network.",
    "recalibrate": "Compute the moving statistics of a checkpoint anew, from data.",
}

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def console() -> None:
    """Entry point of the `slimfix` command."""
    _open_standard_streams()
    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
    except OSError as error:  # Of a closed pipe, or a full disk.
        # At exit Python writes what it could not write, once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        print(f"slimfix: standard output: {error.strerror}", file=sys.stderr)
        code = FAILED
    sys.exit(code)


def _open_standard_streams() -> None:
    """Opens what the caller closed: the next file that is opened would get its number, and what
    TensorFlow writes to standard error would end up there."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(opened, "w" if number else "r"))


def main(arguments: list[str]) -> int:
    """Runs one command line.

    Args:
      arguments: without the program's name.
    Returns: exit code: 0 done, 1 a check failed, 2 a usage error, or not to be done in this
      environment, 130 interrupted by Ctrl-C.
    """
    verb: str | None = arguments[0] if arguments else None
    if verb in (None, "--help", "-h", "help"):
        print(_overview())
        return OK if verb else USAGE
    if verb == "--version":
        print(f"slimfix {slimfix.__version__}")
        return OK
    if verb not in VERBS:
        print(f"slimfix: no command '{verb}'\n\n{_overview()}", file=sys.stderr)
        return USAGE
    return _run(str(verb), arguments[1:])


def _run(verb: str, arguments: list[str]) -> int:
    command = importlib.import_module(f"slimfix.commands.{verb}")
    values = flags.FlagValues()
    flags.DEFINE_boolean("help", False, "Show this help.", flag_values=values, short_name="h")
    command.define_flags(values)
    try:
        rest = values([f"slimfix {verb}", *arguments])[1:]
        if values.help:
            print(f"{VERBS[verb]}\n\nUsage: {command.USAGE}\n\n{_flag_help(values)}")
            return OK
        if rest:
            raise UsageError(f"takes flags only; got '{rest[0]}'\nUsage: {command.USAGE}")
        return int(command.run(values))
    except (flags.Error, UsageError, UnsupportedEnvironmentError) as error:
        print(printable(f"slimfix {verb}: {error}", lines=True), file=sys.stderr)
        if isinstance(error, UndecidedError):
            print(_ways_on(["slimfix", verb, *arguments], error.flags), file=sys.stderr)
        return USAGE
    except (SlimfixError, OSError) as error:
        print(printable(f"slimfix {verb}: {error}", lines=True), file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(f"slimfix {verb}: interrupted", file=sys.stderr)
        return INTERRUPTED


def _ways_on(command: list[str], choices: Sequence[str]) -> str:
    """Returns the command lines that make a choice, to be run as they are."""
    lines = [" ".join(map(shlex.quote, [*command, choice])) for choice in choices]
    return printable("\n".join(["Run one of:", *(f"  {line}" for line in lines)]), lines=True)


def _overview() -> str:
    lines = ["Usage: slimfix COMMAND [--flag=value ...]", "", "Commands:"]
    lines += [f"  {verb:<12} {summary}" for verb, summary in VERBS.items()]
    lines += ["", "slimfix COMMAND --help lists the flags of a command."]
    return "\n".join(lines)


def _flag_help(values: flags.FlagValues) -> str:
    lines = ["Flags:"]
    for name in sorted(values):
        flag = values[name]
        if name == flag.name:
            default = "" if flag.default is None else f" (default: {flag.default_as_str})"
            lines.append(f"  --{name}\n      {flag.help}{default}")
    return "\n".join(lines)
