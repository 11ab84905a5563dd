"""The Jinja2 templates of the HTML report, and how text goes into them."""

from __future__ import annotations

import functools
import math
import re
from typing import TYPE_CHECKING, Any

from slimfix.errors import count
from slimfix.migration.function import format_shape
from slimfix.report.formats import format_error, format_ulps, format_value, printable

if TYPE_CHECKING:
    import jinja2


@functools.lru_cache(maxsize=None)
def load_template(name: str) -> jinja2.Template:
    """Returns a template beside this module; whatever text it is given comes out escaped."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("slimfix.report", ""),
        autoescape=True,
        finalize=_shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        breakable=_breakable,
        counted=count,
        error=format_error,
        number=_number,
        px=_pixels,
        shape=format_shape,
        ulps=format_ulps,
        value=format_value,
    )
    return environment.get_template(name)


def _shown(value: Any) -> Any:
    """Every expression of a template goes through here; what has `__html__` a template made."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _breakable(text: object) -> str:
    """Returns markup that lets a long name break where a scope ends."""
    import markupsafe

    escaped = str(markupsafe.escape(printable(str(text))))
    return markupsafe.Markup(re.sub("(/|__)", r"\1<wbr>", escaped))


def _pixels(length: float) -> str:
    return f"{length:.1f}"


def _number(value: float | None) -> str:
    """Returns what a column sorts by, as JavaScript reads it: NaN last, what is not known first."""
    if value is None:
        return "-Infinity"
    return "Infinity" if math.isnan(value) else repr(float(value)).replace("inf", "Infinity")
