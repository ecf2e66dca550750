"""The filters of the sandbox that count or bound what they make; all others are jinja2's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from jinja2 import pass_context
from jinja2.exceptions import SecurityError
from jinja2.filters import do_format, do_indent, make_attrgetter
from jinja2.runtime import Context

from engine.tokenizer.template_budget import METER, OverBudgetError

# Begins the names of those that are put into a template's tree: no template can speak of a name with a space.
OURS = "cutaway "
# They make much of little in one step, and no published chat template uses them.
_REFUSED = ("batch", "center", "pprint", "round", "urlize", "wordwrap", "xmlattr")
_WIDEST = 100

# All filters of ours take the context, so that jinja2 never runs one while it compiles.


@pass_context
def _turns(_context: Context, items: Any) -> Iterator[Any]:
    return METER.get().turns(items)


@pass_context
def _written(_context: Context, value: Any) -> str:
    return METER.get().written(value)


@pass_context
def _made(_context: Context, value: Any) -> Any:
    return METER.get().made(value)


def _refusing(name: str) -> Any:
    @pass_context
    def refuse(_context: Context, *_args: Any, **_kwargs: Any) -> Any:
        raise SecurityError(f'no template may use the filter "{name}".')

    return refuse


@pass_context
def _tojson(
    _context: Context,
    value: Any,
    ensure_ascii: bool = False,
    indent: int | str | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """As transformers has it: jinja2's own escapes HTML."""
    meter = METER.get()
    size = meter.held(value)
    if indent is not None or separators is not None:
        meter.fits(size * (_width(indent or 0) + sum(map(len, separators or ()))))
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


@pass_context
def _join(context: Context, value: Any, d: str = "", attribute: str | int | None = None) -> str:
    if attribute is not None:
        value = map(make_attrgetter(context.environment, attribute), value)
    return str(d).join(map(str, METER.get().joined(value, str(d))))


@pass_context
def _replace(_context: Context, s: Any, old: Any, new: Any, count: int | None = None) -> str:
    text, old, new = str(s), str(old), str(new)
    METER.get().replaced(text, old, new)
    return text.replace(old, new, -1 if count is None else count)


@pass_context
def _indent(_context: Context, s: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    METER.get().fits(len(s) + (1 + s.count("\n")) * _width(width))
    return do_indent(s, width, first, blank)


@pass_context
def _format(_context: Context, value: str, *args: Any, **kwargs: Any) -> str:
    METER.get().before("%", str(value), (args, kwargs))
    return do_format(value, *args, **kwargs)


def _width(indent: int | str) -> int:
    width = indent if isinstance(indent, int) else len(indent)
    if width > _WIDEST:
        raise OverBudgetError(f"It indents by more than {_WIDEST} characters")
    return width


FILTERS = {
    **{name: _refusing(name) for name in _REFUSED},
    "tojson": _tojson,
    "join": _join,
    "replace": _replace,
    "indent": _indent,
    "format": _format,
    OURS + "turns": _turns,
    OURS + "written": _written,
    OURS + "made": _made,
}
