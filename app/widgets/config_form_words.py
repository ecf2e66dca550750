"""Pydantic's findings and values, in words for a form."""

from __future__ import annotations

import types
import typing
from typing import Any, Literal, Union

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

_ERRORS = {
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "bool_parsing": "yes or no",
    "literal_error": "one of {expected}",
    "string_type": "text",
    "finite_number": "a finite number",
}


def error_words(error: ErrorDetails) -> str:
    """ "must be at least 1": what a value has to be."""
    context = {key: _tidy(value) for key, value in error.get("ctx", {}).items()}
    pattern = _ERRORS.get(error["type"])
    return f"must be {pattern.format(**context)}" if pattern else error["msg"].lower()


def _tidy(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def kind_of(field: FieldInfo) -> tuple[Any, bool]:
    """(bare type or tuple of choices, whether None is allowed) of a field."""
    annotation = field.annotation
    optional = False
    if typing.get_origin(annotation) in (Union, types.UnionType):
        bare = [part for part in typing.get_args(annotation) if part is not type(None)]
        optional = len(bare) < len(typing.get_args(annotation))
        annotation = bare[0]
    if typing.get_origin(annotation) is Literal:
        return typing.get_args(annotation), optional
    return annotation, optional


def unit_of(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""


def bounds_of(field: FieldInfo) -> str:
    """ "1 to 48", "above 0", "" when anything goes."""
    found: dict[str, Any] = {}
    for rule in field.metadata:
        for name in ("ge", "gt", "le", "lt"):
            if getattr(rule, name, None) is not None:
                found[name] = getattr(rule, name)
    low = found.get("ge", found.get("gt"))
    high = found.get("le", found.get("lt"))
    if low is not None and high is not None:
        return f"{low:,} to {'below ' if 'lt' in found else ''}{high:,}"
    if low is not None:
        return f"{'above' if 'gt' in found else 'at least'} {low:,}"
    return f"{'below' if 'lt' in found else 'at most'} {high:,}" if high is not None else ""


def value_text(value: Any) -> str:
    """As it stands in a field: 4096, 0.003, yes."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)


def parse_text(text: str, kind: Any) -> Any:
    """What was typed, as a value for pydantic to judge: thousands may be set apart by commas or spaces."""
    if kind in (int, float):
        plain = text.replace(",", "").replace(" ", "").replace("_", "")
        try:
            number = float(plain)
        except ValueError:
            return text
        return int(number) if kind is int and number.is_integer() else number
    return text
