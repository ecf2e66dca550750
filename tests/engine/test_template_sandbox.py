"""A chat template of a stranger: it reaches nothing, and however it loops or grows, it ends soon and in words."""

from __future__ import annotations

import time

import pytest

from engine.errors import CutawayError
from engine.tokenizer.template_sandbox import render

TALK = {
    "messages": [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "you"}],
    "eos_token": "</s>",
}


def refused(source: str) -> str:
    with pytest.raises(CutawayError) as told:
        render(source, TALK)
    assert told.value.what == "The chat template cannot write this conversation."
    return told.value.why


# https://jinja.palletsprojects.com/en/stable/sandbox/ and the escapes of jinja2's own advisories
@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.__class__.__base__ }}",
        "{{ ''|attr('__class__')|attr('__mro__') }}",
        "{{ raise_exception.__globals__ }}",
        "{{ strftime_now.__globals__['os'] }}",
        "{{ strftime_now|attr('__globals__') }}",
        "{{ namespace.__init__.__globals__ }}",
        "{{ self.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ '{0.__class__.__mro__}'.format(eos_token) }}",
        "{{ ('{0.__class__}'|attr('format'))(eos_token) }}",
        "{% set f = '{0.__class__}'.format %}{{ f(eos_token) }}",
        "{{ (['{0.__class__}']|map('attr', 'format')|first)(eos_token) }}",
        "{{ '%(a)s'.__mod__ }}",
        "{{ (1).__class__ }}{{ (1).to_bytes(9, 'big') }}",
        "{{ messages.append(1) }}",
        "{{ messages[0].update({'a': 1}) }}",
        "{% set ns = namespace(__class__=1) %}",
        "{% set ns = namespace() %}{% set ns.__init__ = 1 %}",
        "{% import 'os' as os %}",
        "{% include '/etc/passwd' %}",
        "{{ lipsum(n=9) }}",
        "{{ x|cutaway written }}",
    ],
)
def test_it_reaches_nothing(source: str) -> None:
    try:
        text = render(source, TALK)
    except CutawayError as error:
        assert error.why
    else:  # the sandbox gives nothing for what it hides
        assert not text.strip() or text == "None", text


TIMES = "{% for i in range(99999) %}"
FEW = "{% for i in range(99) %}"
END = "{% endfor %}"
LONG = "{% set x = 'x' * 3000000 %}"
BOMBS = {
    "loop": f"{TIMES}{{% for j in range(99999) %}}{END}{END}",
    "loop that only computes": f"{TIMES}{{% for j in range(99999) %}}{{% set x = i %}}{END}{END}",
    "large range": "{% for i in range(10**9) %}{% endfor %}",
    "text times number": "{{ 'x' * 10**10 }}",
    "list times number": "{% set x = [1] * 10**10 %}",
    "number times text": "{{ 10**10 * 'x' }}",
    "power": "{{ 9**9**9 }}",
    "power step by step": "{% set n = namespace(x=9) %}" + FEW + "{% set n.x = n.x * n.x %}" + END,
    "added to itself": "{% set n = namespace(x='xy') %}" + FEW + "{% set n.x = n.x + n.x %}" + END,
    "joined to itself": "{% set n = namespace(x='xy') %}" + FEW + "{% set n.x = n.x ~ n.x %}" + END,
    "joined often": LONG + "{{ " + " ~ ".join("x" * 500) + " }}",
    "joined by a filter": "{% set x = ['x' * 1000000] * 3 %}" + FEW + "{% set y = (x * 99)|join %}" + END,
    "joined by a method": "{{ ('x' * 99999).join(range(99999)|map('string')) }}",
    "a net of lists": "{% set n = namespace(x=[1]) %}" + FEW + "{% set n.x = [n.x, n.x] %}" + END + "{{ n.x }}",
    "a net of tables": "{% set n = namespace(x={}) %}" + FEW + "{% set n.x = dict(a=n.x, b=n.x) %}" + END + "{{ n.x }}",
    "a ring": "{% set n = namespace() %}{% set n.x = [n] %}" + FEW + "{% set n.x = [n.x, n.x] %}" + END + "{{ n.x }}",
    "written often": LONG + TIMES + "{{ x }}" + END,
    "kept often": LONG + "{% set y %}" + TIMES + "{{ x }}" + END + "{% endset %}",
    "written by a macro": "{% macro m(x) %}{{ x }}{{ x }}{% endmacro %}{% set n = namespace(x='xy') %}"
    + FEW
    + "{% set n.x = m(n.x) %}"
    + END,
    "plain text often": TIMES + "x" * 9999 + END,
    "wide number": "{{ '%999999999d' % 1 }}",
    "width from outside": "{{ '%*d' % (999999999, 1) }}",
    "wide form": "{{ '{:>999999999}'.format(1) }}",
    "width in the form": "{{ '{:>{}}'.format(1, 999999999) }}",
    "one value often": "{{ ('{0}' * 9999).format('x' * 1000000) }}",
    "wide filter": "{{ '%999999999d'|format(1) }}",
    "wide filter in the middle": "{{ 'x'|center(999999999) }}",
    "wide method": "{{ 'x'.ljust(999999999) }}",
    "tabs": "{{ ('\\t' * 99999).expandtabs(99999) }}",
    "replaced": "{{ ('x' * 99999).replace('x', 'y' * 99999) }}",
    "replaced by a filter": "{{ ('x' * 99999)|replace('x', 'y' * 99999) }}",
    "translated": "{{ ('x' * 99999).translate({120: 'y' * 99999}) }}",
    "indented": "{{ ('x\\n' * 99999)|indent(99999) }}",
    "indented JSON": "{{ messages|tojson(indent=99999999) }}",
    "rows": "{{ [1]|batch(999999999, 0)|list }}",
    "slices": "{{ [1]|slice(999999999)|list }}",
    "rounded": "{{ 1|round(999999999, 'floor') }}",
    "a date": "{{ strftime_now('%999999999Y') }}",
    "macro that calls itself": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "macro that calls itself twice": "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}"
    "{{ m(90) }}",
    "recursive loop": "{% for x in [0] recursive %}{{ loop([0, 0]) }}{% endfor %}",
    "recursive loop over many": "{% for x in range(9) recursive %}{% if loop.depth0 < 9 %}"
    "{% set y = loop(range(99999)) %}{% endif %}{% endfor %}",
    "looked up often": "{% set x = range(99999)|list %}" + TIMES + "{% if -1 in x %}{% endif %}" + END,
    "nested beyond Python": "{% for a in [1] %}" * 60 + END * 60,
    "brackets": "{{ " + "(" * 4000 + "1" + ")" * 4000 + " }}",
    "its own length": "x" * 2_000_000,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_whatever_loops_or_grows_ends_soon_and_without_memory(bomb: str) -> None:
    resource = pytest.importorskip("resource")
    began, held = time.thread_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    why = refused(BOMBS[bomb])
    assert time.thread_time() - began < 8
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held < 200_000, "KiB more than ever before"
    assert why.endswith(".") and len(why) < 200


def test_what_a_template_says_is_quoted() -> None:
    assert refused("{{ raise_exception('Roles must alternate') }}") == "It says: Roles must alternate."
    assert refused("{% for x in %}").startswith("Line 1 is no Jinja")
    assert "has no attribute 'call'" in refused("{{ messages[0].call.name }}")
    assert "not iterable" in refused("{% for x in 5 %}{% endfor %}")


def test_a_long_conversation_is_within_the_budget() -> None:
    long = [{"role": "user", "content": "word " * 40_000}, {"role": "assistant", "content": "x" * 3_000_000}] * 3
    source = "{% for m in messages %}{{ m.role ~ ': ' ~ m.content|trim ~ eos_token }}\n{% endfor %}"
    text = render(source, {"messages": long, "eos_token": "</s>"})
    assert len(text) > 9_000_000 and text.count("</s>") == 6
    many = [{"role": "user", "content": "a"}] * 20_000
    assert render(source, {"messages": many, "eos_token": "</s>"}).count("</s>") == 20_000


def test_loops_know_where_they_are() -> None:
    source = (
        "{% for m in messages %}{{ loop.index }}/{{ loop.length }}{{ '.' if loop.last else ',' }}{{ loop.nextitem is "
        "defined }}{% endfor %}{% for k, v in messages[0]|items %}{{ k }}={{ v }};{% endfor %}"
        "{% for x in [1, [2, [3]]] recursive %}{{ loop(x) if x is iterable else x }}{% endfor %}"
        "{% for x in nothing %}x{% else %}none{% endfor %}{% for x in range(9) %}{% if x == 2 %}{% break %}{% endif %}"
        "{{ x }}{% endfor %}{{ messages|map(attribute='role')|join('+') }}{{ [3, 1]|sort|first }}"
    )
    assert render(source, TALK) == "1/2,True2/2.Falserole=user;content=hello;123none01user+assistant1"
