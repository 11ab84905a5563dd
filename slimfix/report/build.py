"""Puts together the one record that every face of the report reads."""

from __future__ import annotations

import glob
import os
from typing import Mapping

from slimfix.migration import Migration
from slimfix.parity import ParityResult
from slimfix.report.files import sha256_of
from slimfix.report.result import MigrationResult


def build_result(
    migration: Migration,
    parity: ParityResult,
    files: Mapping[str, str],
    checksums: Mapping[str, str],
) -> MigrationResult:
    """Returns what every face of the report reads.

    Args:
      migration: what was planned.
      parity: the proof.
      files: what each written file is, by its path.
      checksums: sha256 by path of files besides the checkpoint's and the graph.
    """
    return MigrationResult(
        checkpoint=migration.checkpoint.prefix,
        meta=migration.meta,
        inputs={record.tensor: record.name for record in migration.plan.inputs},
        outputs=migration.signature.outputs,
        switches=migration.function.switches,
        proved=migration.proved,
        variables=migration.variables,
        notes=migration.notes,
        parity=parity,
        files=files,
        checksums={**checksums, **_checksums_of_source(migration)},
    )


def _checksums_of_source(migration: Migration) -> dict[str, str]:
    prefix = glob.escape(migration.checkpoint.prefix)
    found = [f"{migration.checkpoint.prefix}.index", *sorted(glob.glob(f"{prefix}.data-*"))]
    found += [migration.checkpoint.prefix, migration.meta]  # V1, or a frozen graph, is one file.
    return {path: sha256_of(path) for path in dict.fromkeys(found) if os.path.isfile(path)}
