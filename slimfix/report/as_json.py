"""The report as strict JSON, for programs; docs/parity-report.md describes every key."""

from __future__ import annotations

import json
from typing import Any, Sequence

from slimfix.migration.account import VariableFate
from slimfix.parity.rows import LayerParity
from slimfix.report.groups import fate_word, group_notes, group_variables
from slimfix.report.json_rows import (
    diagnosis_json,
    domain_json,
    layer_json,
    level_json,
    statistic_json,
    trajectory_json,
)
from slimfix.report.levels import every_level
from slimfix.report.result import MigrationResult

FORMAT = 1  # Grows when a key changes its meaning or goes; new keys alone leave it as it is.


def format_json(result: MigrationResult) -> str:
    """Returns the report as JSON text: always the same keys in the same order, ASCII only.

    JSON knows neither NaN nor infinity: an error that is not finite is null.
    """
    return json.dumps(_document(result), indent=2, allow_nan=False) + "\n"


def _document(result: MigrationResult) -> dict[str, Any]:
    parity = result.parity
    first = parity.first_difference
    account = group_variables(result.variables)
    return {
        "format": FORMAT,
        "passed": parity.passed,
        "verdict": parity.verdict.value,
        "first_difference": None if first is None else first.tensor,
        "source": {
            "checkpoint": result.checkpoint,
            "meta": result.meta,
            "inputs": dict(result.inputs),
            "outputs": list(result.outputs),
            "switches": {tensor: bool(value) for tensor, value in result.switches.items()},
        },
        "proved": result.proved,
        "variables": {
            "total": account.total,
            "migrated": len(account.migrated),
            "left_out": account.left_out_count,
            "lost": len(account.lost),
            "left_out_by_reason": {
                reason: len(fates) for reason, fates in account.left_out.items()
            },
            "fates": [_variable(fate) for fate in result.variables],
        },
        "weights": {
            "compared": parity.weights.compared,
            "equal": parity.weights.equal,
            "different": list(parity.weights.different),
        },
        "settings": {
            "compared": parity.settings.compared,
            "equal": parity.settings.equal,
            "different": list(parity.settings.different),
        },
        "structure": {
            "compared": parity.structure.compared,
            "equal": parity.structure.equal,
            "different": list(parity.structure.different),
            "by_numbers": list(parity.structure.by_numbers),
            "allowed": list(parity.structure.allowed),
        },
        "levels": {
            level.value: None if record is None else level_json(record)
            for level, record in every_level(parity).items()
        },
        "layers": [
            {**layer_json(row), "output": row.tensor in parity.outputs} for row in parity.layers
        ],
        "statistics": [statistic_json(row) for row in parity.statistics],
        "training": _rows(parity.training),
        "gradients": _rows(parity.gradients),
        "trajectory": None if parity.trajectory is None else trajectory_json(parity.trajectory),
        "diagnosis": None if parity.diagnosis is None else diagnosis_json(parity.diagnosis),
        "unmatched": list(parity.unmatched),
        "reference": {
            "description": parity.reference.description,
            "recorded_tensors": parity.reference.recorded_tensors,
        },
        "domain": None if parity.domain is None else domain_json(parity.domain),
        "data": {"inputs_sha256": parity.inputs_sha256, "samples": parity.samples},
        "notes": [
            {"note": group.note, "scopes": list(group.scopes)}
            for group in group_notes(result.notes)
        ],
        "files": dict(result.files),
        "checksums": dict(result.checksums),
        "versions": dict(sorted(parity.versions.items())),
    }


def _variable(fate: VariableFate) -> dict[str, Any]:
    return {
        "variable": fate.variable,
        "shape": [int(size) for size in fate.shape],
        "dtype": fate.dtype,
        "role": fate.role,
        "fate": fate_word(fate),
        "weights": list(fate.weights),
        "reason": fate.reason,
    }


def _rows(rows: Sequence[LayerParity] | None) -> list[dict[str, Any]] | None:
    return None if rows is None else [layer_json(row) for row in rows]
