"""The account of a migration as strict JSON; docs/migration-json.md describes every key."""

from __future__ import annotations

import json
from typing import Any, Mapping

from slimfix.migration import Migration
from slimfix.migration.ledger import MigrationAccount, WeightSource, fate_of, owner_of
from slimfix.report.groups import group_notes

FORMAT = 1  # Grows when a key changes its meaning or goes; new keys alone leave it as it is.


def format_migration_json(
    migration: Migration,
    account: MigrationAccount,
    sha256: Mapping[str, str],
    versions: Mapping[str, str],
) -> str:
    """Returns the account as JSON text: always the same keys in the same order, ASCII only.

    Args:
      migration: what was converted.
      account: its variables and weights.
      sha256: 64 hexadecimal digits by the name of each file beside this one.
      versions: by package name.
    """
    document = {
        "format": FORMAT,
        "source": {
            "checkpoint": migration.checkpoint.prefix,
            "meta": migration.meta,
            "switches": {name: bool(on) for name, on in migration.function.switches.items()},
            "batch_norm": migration.batch_norm,
        },
        "inputs": [
            {
                "input": record.name,
                "tensor": record.tensor,
                "shape": [None if size is None else int(size) for size in record.shape],
                "dtype": record.dtype,
            }
            for record in migration.plan.inputs
        ],
        "outputs": list(migration.signature.outputs),
        "counts": {
            "variables": len(account.variables),
            **{fate.replace(" ", "_"): number for fate, number in account.counts.items()},
            "weights": len(account.weights),
        },
        "variables": _variables(account),
        "weights": [_weight(source) for source in account.weights],
        "layers": _layers(migration),
        "notes": [
            {"note": group.note, "scopes": list(group.scopes)}
            for group in group_notes(migration.notes)
        ],
        "sha256": dict(sha256),
        "versions": dict(sorted(versions.items())),
    }
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def _variables(account: MigrationAccount) -> list[dict[str, Any]]:
    known = {fate.variable for fate in account.variables}
    return [
        {
            "variable": fate.variable,
            "shape": [int(size) for size in fate.shape],
            "dtype": fate.dtype,
            "role": fate.role,
            "fate": fate_of(fate),
            "weights": list(fate.weights),
            "of": owner_of(fate, known),
            "reason": fate.reason,
        }
        for fate in account.variables
    ]


def _weight(source: WeightSource) -> dict[str, Any]:
    return {
        "weight": source.weight,
        "shape": [int(size) for size in source.shape],
        "dtype": source.dtype,
        "variable": source.variable,
        "permutation": [int(axis) for axis in source.permutation],
        "reshaped": source.reshaped,
    }


def _layers(migration: Migration) -> list[dict[str, Any]]:
    return [
        {
            "layer": probe.operation,
            "kind": probe.kind,
            "scope": probe.scope,
            "tensor": probe.tensor,
            "call": probe.call,
            "output": probe.index,
        }
        for probe in migration.probes
    ]
