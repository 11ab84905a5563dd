"""The files of a report: their names, their text, their checksums."""

from __future__ import annotations

import hashlib
import os

from slimfix.report.as_html import format_html
from slimfix.report.as_json import format_json
from slimfix.report.result import MigrationResult

_JSON_FILE = "parity.json"
_HTML_FILE = "parity.html"


def report_files(output_dir: str) -> dict[str, str]:
    """Returns what each file of a report is, by its path."""
    return {
        os.path.join(output_dir, _JSON_FILE): "parity report for programs",
        os.path.join(output_dir, _HTML_FILE): "parity report for people",
    }


def write_report(folder: str, result: MigrationResult) -> None:
    """Writes the report of a proof, for programs and for people."""
    write_text(os.path.join(folder, _JSON_FILE), format_json(result))
    write_text(os.path.join(folder, _HTML_FILE), format_html(result))


def write_text(path: str, text: str) -> None:
    """Writes a file in UTF-8."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def sha256_of(path: str) -> str:
    """Returns the SHA-256 of a file, in 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
