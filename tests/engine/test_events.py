"""Every event survives its line of JSON, odd floats included; what is foreign is kept apart, never a crash."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events import EVENT_TYPES, Event, StepMetrics, TextSample, UnknownEvent, decode, encode

FLOATS = st.floats(allow_nan=True, allow_infinity=True)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(-(2**53), 2**53),
    "float": FLOATS,
    "str": st.text(),
    "bool": st.booleans(),
    "tuple[str, ...]": st.lists(st.text()).map(tuple),
    "tuple[int, ...]": st.lists(st.integers()).map(tuple),
    "tuple[float, ...]": st.lists(st.floats(allow_nan=False, allow_infinity=True)).map(tuple),
    "tuple[tuple[int, int, str], ...]": st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from(["name", "value"]))
    ).map(tuple),
    "dict[str, float | int | str]": st.dictionaries(st.text(), st.one_of(st.integers(0, 9), st.text())),
    "dict[str, Any]": st.dictionaries(st.text(), st.integers()),
}


def same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a):
        return math.isnan(b)
    return bool(a == b)


@pytest.mark.parametrize("kind", sorted(set(EVENT_TYPES) - {"UnknownEvent"}))
def test_every_event_survives_its_line(kind: str) -> None:
    cls = EVENT_TYPES[kind]
    fields = {field.name: VALUES[str(field.type)] for field in dataclasses.fields(cls)}

    @given(st.fixed_dictionaries(fields))
    def check(values: dict[str, Any]) -> None:
        event = cls(**values)
        line = encode(event)
        assert "\n" not in line
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not standard JSON"))
        back = decode(line)
        assert type(back) is cls
        for name in fields:
            assert same(getattr(event, name), getattr(back, name)), name

    check()


def test_an_event_of_another_version_is_kept_apart() -> None:
    event = decode('{"event": "MindRead", "step": 3, "seconds": 1.5, "mood": "fine"}')
    assert isinstance(event, UnknownEvent) and event.step == 3 and event.kind == "MindRead"


def test_a_known_event_that_lacks_a_field_is_unknown_and_an_extra_field_is_passed_over() -> None:
    assert isinstance(decode('{"event": "TextSample", "step": 1}'), UnknownEvent)
    sample = TextSample(step=2, prompt="a", text="b", seed=1, temperature=0.5)
    assert decode(encode(sample).replace("{", '{"later": 1, ', 1)) == sample


@pytest.mark.parametrize("line", ["", "[]", "{", '{"no": "event"}', "\x00", '"text"'])
def test_a_line_that_is_no_event_is_a_value_error(line: str) -> None:
    with pytest.raises(ValueError):
        decode(line)


def test_events_cannot_be_changed() -> None:
    event = StepMetrics(
        tokens=1, loss=1, learning_rate=1, grad_norm=1, clipped=False, tokens_per_second=1, step=1, seconds=0
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.loss = 2  # type: ignore[misc]
    assert isinstance(event, Event)
