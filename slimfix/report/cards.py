"""The cards at the top of the HTML report: four answers at a glance."""

from __future__ import annotations

from slimfix.parity.verdicts import Verdict
from slimfix.report.formats import format_error
from slimfix.report.groups import group_variables
from slimfix.report.markup import card
from slimfix.report.order import worst_output
from slimfix.report.result import MigrationResult


def summary_cards(result: MigrationResult) -> str:
    """Returns the cards: variables, weights, output error, layers."""
    parity, account = result.parity, group_variables(result.variables)
    output = worst_output(parity)
    equal = parity.weights.compared - len(parity.weights.different)
    counts = dict.fromkeys(Verdict, 0)
    for row in parity.layers:
        counts[row.verdict] += 1
    same = len(parity.layers) - counts[Verdict.DIFFERENT]
    return "\n".join(
        [
            card(
                "Variables",
                f"{account.total - len(account.lost)} of {account.total} accounted for",
                [
                    f"{len(account.migrated)} migrated + {account.left_out_count} left out "
                    f"+ {len(account.lost)} lost",
                    *(f"{len(fates)} left out: {why}" for why, fates in account.left_out.items()),
                ],
                "bad" if account.lost else "good",
            ),
            card(
                "Weights",
                f"{equal} of {parity.weights.compared} bit-equal",
                [
                    "Keras file against checkpoint",
                    f"{parity.settings.compared - len(parity.settings.different)} of "
                    f"{parity.settings.compared} settings as planned",
                ],
                "bad" if parity.weights.different or parity.settings.different else "good",
            ),
            card(
                "Output error",
                f"{format_error(output.function_error)} in float64",
                [
                    f"In float32: {format_error(output.original_error)} original, "
                    f"{format_error(output.keras_error)} Keras",
                    output.tensor,
                ],
                "bad" if output.verdict is Verdict.DIFFERENT else "good",
            ),
            card(
                "Layers",
                f"{same} of {len(parity.layers)} the same function",
                [", ".join(f"{n} {verdict.value}" for verdict, n in counts.items() if n)],
                "bad" if counts[Verdict.DIFFERENT] else "good",
            ),
        ]
    )
