"""The errors that slimfix raises: each says what failed, the likely cause and what to do."""

from __future__ import annotations

import contextlib
import re
from typing import Any, Iterator, Sequence

_COLOUR = re.compile("\x1b\\[[0-9;]*m")
_WHERE = re.compile(
    r"Graph execution error:$|Detected at node |<stack traces|\[\[|Original stack|Node: |File \""
    r"|\d+ root error|Errors may have|Input Source operations"
)
_FRAME = re.compile(r"^\(\d+\)\s+[\w ]+: ")  # Of several root errors: '(0) Invalid argument: '.
_TRACE = re.compile(r"Detected at node .*?^Node: [^\n]*$", re.DOTALL | re.MULTILINE)
_LONGEST = 400  # Characters of what others say; they print whole models.


class SlimfixError(Exception):
    """Base of every error that slimfix raises on purpose; its text is meant for the user.

    Its lines are as they were written; whatever else a terminal obeys is shown escaped.
    """

    def __str__(self) -> str:
        return printable(super().__str__(), lines=True)


class UsageError(SlimfixError):
    """An argument is wrong: a path, a tensor name, an output folder. Commands exit with 2."""


class UndecidedError(UsageError):
    """What is right is the user's to say, and was not said.

    Attributes:
      flags: what to add to the command line, one for each choice.
    """

    def __init__(self, text: str, flags: Sequence[str]):
        super().__init__(text)
        self.flags = tuple(flags)


class CheckpointError(UsageError):
    """A checkpoint or `.meta` file is missing, damaged, or not what its name says."""


class MigrationError(SlimfixError):
    """A graph and its checkpoint cannot become a Keras model without loss. Commands exit with 1."""


class UnsupportedOpError(MigrationError):
    """The graph holds ops that no converter knows."""


class UnsafeGraphError(SlimfixError):
    """A graph would do more than compute: read a file, call Python, print, fill the memory."""


class CheckpointMismatchError(MigrationError):
    """Graph and checkpoint do not belong together: variables missing, of another shape or value."""


class ParityError(SlimfixError):
    """The migrated model does not compute what the original graph computes.

    Attributes:
      result: the MigrationResult with everything that was measured, where there is one.
    """

    result: Any = None


class UpdateOpsError(SlimfixError):
    """A train op does not reach the update ops of a batch-norm layer in training mode."""


class StatisticsError(UpdateOpsError):
    """A session that trains does not keep moving statistics right, by the values they have."""


class SaverError(SlimfixError):
    """A Saver would leave out variables that inference needs."""


class RestoreError(SlimfixError):
    """Values that were read and checked could not be put into the session's variables."""


class FreezeError(SlimfixError):
    """What is to be frozen is moved by something that was built already."""


class RecalibrationError(SlimfixError):
    """Moving statistics cannot be computed: of this graph, or from these batches."""


class OutputError(SlimfixError):
    """What was to be written could not be: the disk is full, or another run wrote it meanwhile."""


class UnsupportedEnvironmentError(SlimfixError):
    """The installed packages cannot do what was asked, e.g. tf_keras is missing."""


def printable(text: str, lines: bool = False) -> str:
    """Returns `text` with all that a terminal, browser or editor obeys escaped, such as '\\x1b'.

    Names come from files that anyone may have made. Escaped are control characters, such as turn
    the direction of writing round, have no width, or are no characters at all.

    Args:
      text: any.
      lines: whether it has lines; else their ends are escaped too.
    """
    return "".join(
        char if char.isprintable() or (lines and char == "\n") else repr(char)[1:-1]
        for char in text
    )


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Returns '1 layer' or '2 layers'; give the plural where it is not the noun with an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {plural or noun + 's'}"


def explain(
    headline: str,
    items: Sequence[str] = (),
    cause: str | None = None,
    fix: str | None = None,
) -> str:
    """Returns the text of an error in the one form that slimfix uses.

    What the parts are made of may come from a file: each part is one line, escaped as `printable`
    does.

    Args:
      headline: what failed and how many, without a full stop at the end.
      items: one line for each thing concerned; all of them, none elided.
      cause: the likely cause, a full sentence.
      fix: what to do, a full sentence.
    Returns: str, several lines.
    """
    lines = [printable(headline) + (":" if items else "")]
    lines += ["  " + printable(item) for item in items]
    if cause:
        lines.append("Likely cause: " + printable(cause))
    if fix:
        lines.append("Fix: " + printable(fix))
    return "\n".join(lines)


@contextlib.contextmanager
def naming(source: str | None, what: str = "Network") -> Iterator[None]:
    """Adds to errors which network or file they are of, where their text does not say so.

    What looks at a graph in memory does not know where it is from; who read it does.

    Args:
      source: the path of a graph, or 'package.module:function'; None where it is from no file.
      what: that is.
    """
    try:
        yield
    except SlimfixError as error:
        if source is not None and printable(source) not in str(error):
            error.args = (f"{error.args[0]}\n{what}: '{printable(source)}'",)
        raise


def reason(error: BaseException) -> str:
    """Returns what an error says, in a line: its type, and its first sentences.

    Lines of TensorFlow's that only tell where ("Graph execution error:", "Detected at node") are
    left out, and so are control characters; a line that ends in a colon takes the next one along.
    """
    try:
        text = str(error)
    except Exception:  # It is anybody's class.
        text = ""
    text = _TRACE.sub("", _COLOUR.sub("", text))
    lines = [_FRAME.sub("", line.strip()) for line in text.splitlines()]
    lines = [line for line in lines if line and not _WHERE.match(line)] or [text.strip()]
    said = lines[:1]
    while said[-1].endswith(":") and len(said) < len(lines):
        said.append(lines[len(said)])
    # Keras prints whole configurations before what went wrong in them.
    said += [line for line in lines[len(said) :] if line.startswith("Exception encountered:")][:1]
    sentence = "".join(each if each.isprintable() else " " for each in " ".join(said))
    if len(sentence) > _LONGEST:
        sentence = sentence[:_LONGEST] + " ..."
    name = type(error).__name__
    return f"{name}: {sentence}" if sentence else name
