"""What is not equal and why, in sentences for every face of the report."""

from __future__ import annotations

import math

from slimfix.errors import count
from slimfix.parity.result import ParityResult
from slimfix.parity.rows import Diagnosis, Trial
from slimfix.report.formats import format_error


def describe_diagnosis(diagnosis: Diagnosis) -> tuple[str, ...]:
    """Returns where the difference showed first, and what explains it, or that nothing does."""
    where = (
        f"The difference shows first at level {diagnosis.level.value}, in layer "
        f"'{diagnosis.layer}', '{diagnosis.tensor}' in the original."
    )
    if not diagnosis.trials:
        return (where, "Nothing was tried to explain it.")
    tried = f"{count(len(diagnosis.trials), 'hypothesis', 'hypotheses')} tried"
    fitting = "; ".join(trial.hypothesis for trial in diagnosis.fitting)
    if not fitting:
        return (where, f"{tried}; none explains it.")
    return (where, f"{tried}; it is explained by: {fitting}.")


def describe_trial(trial: Trial) -> str:
    """Returns how far the layer is off with the hypothesis mended, as short text."""
    return format_error(trial.error) if math.isfinite(trial.error) else "does not apply"


def describe_unmatched(parity: ParityResult) -> str:
    """Returns what tensors without a layer mean; '' where there is none."""
    if not parity.unmatched:
        return ""
    return (
        f"{count(len(parity.unmatched), 'tensor')} of the original without a layer of that "
        "name in the Keras model; what they pass on is compared all the same"
    )


def silent_layers(parity: ParityResult) -> dict[str, int]:
    """Returns the number of channels that are zero everywhere by layer; in inference mode."""
    return {row.layer: row.silent for row in parity.layers if row.silent}


def describe_silent(parity: ParityResult) -> str:
    """Returns what silent channels mean; '' where there is none."""
    silent = silent_layers(parity)
    if not silent:
        return ""
    return (
        f"{count(sum(silent.values()), 'channel')} zero everywhere on these inputs, so that "
        "nothing was compared in them"
    )
