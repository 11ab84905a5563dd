"""One result model, three faces: terminal, JSON, HTML."""

from __future__ import annotations

from slimfix.report.as_html import format_html
from slimfix.report.as_json import format_json
from slimfix.report.result import MigrationResult
from slimfix.report.terminal import format_terminal

__all__ = ["MigrationResult", "format_html", "format_json", "format_terminal"]
