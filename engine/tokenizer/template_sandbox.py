"""Chat templates are programs that strangers wrote. Here they run with what transformers gives them and nothing else,
within a budget of work, characters and time, so that one which loops or explodes ends in a sentence.

The sandbox is jinja2's, set up as `transformers.utils.chat_template_utils` does. The budget is ours: before a template
is compiled, its syntax tree is rewritten so that every loop, every text that is written and every value that is made
passes through a `Meter`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache
from typing import Any

from jinja2 import Template, TemplateError, nodes, pass_context
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.ext import Extension, loopcontrols
from jinja2.filters import do_format, do_indent, make_attrgetter
from jinja2.parser import Parser
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

from engine.errors import CutawayError
from engine.tokenizer.template_budget import Meter, OverBudgetError

_LONGEST_SOURCE = 2**20
_meter: ContextVar[Meter] = ContextVar("meter")
# They make much of little in one step, and no published chat template uses them.
_NO_FILTERS = ("batch", "center", "pprint", "round", "urlize", "wordwrap", "xmlattr")
_NO_METHODS = ("center", "expandtabs", "ljust", "rjust", "translate", "zfill")
_WIDEST = 100


def render(source: str, variables: Mapping[str, Any]) -> str:
    """The text that the template writes. variables: plain JSON.

    Raises CutawayError for a template that cannot be read, that refuses the conversation (with its own words), or that
    takes more than its budget.
    """
    meter = Meter(sum(map(len, _texts(variables))))
    token = _meter.set(meter)
    try:
        return "".join(_compiled(source).generate(**variables))
    except OverBudgetError as error:
        raise _failed(f"{error}") from error
    except TemplateSyntaxError as error:
        raise _failed(f"Line {error.lineno} is no Jinja: {error.message}") from error
    except SecurityError as error:
        raise _failed(f"It asks for what no template may do: {error}") from error
    except TemplateError as error:
        raise _failed(f"It says: {error}") from error
    except RecursionError as error:
        raise _failed("It calls itself without end") from error
    except Exception as error:  # a program of strangers may fail in any way
        raise _failed(f"It fails: {error or type(error).__name__}") from error
    finally:
        _meter.reset(token)


def _failed(why: str) -> CutawayError:
    return CutawayError(
        "The chat template cannot write this conversation.",
        f"{why.rstrip('.')}.",
        "Change the conversation to what the template expects, or choose another model.",
    )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in (*value.keys(), *value.values()):
            yield from _texts(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _texts(part)


@lru_cache(maxsize=32)
def _compiled(source: str) -> Template:
    if len(source) > _LONGEST_SOURCE:
        raise OverBudgetError(f"It is longer than {_LONGEST_SOURCE:,} characters")
    return _Sandbox().from_string(source)


class _Sandbox(ImmutableSandboxedEnvironment):
    """What transformers sets up, with everything that can grow or repeat handed to the meter."""

    intercepted_binops = frozenset(("*", "**", "+", "%"))

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols])
        self.filters |= {name: _refusing(name) for name in _NO_FILTERS}
        self.filters |= {"tojson": _tojson, "join": _join, "replace": _replace, "indent": _indent, "format": _format}
        self.filters |= {"cutaway turns": _turns, "cutaway written": _written, "cutaway made": _made}
        self.globals |= {"raise_exception": _raise_exception, "strftime_now": _strftime_now}
        self.globals |= {"dict": _Dict(), "namespace": _Namespace}
        del self.globals["lipsum"]

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree: nodes.Template = _Metered().visit(super()._parse(source, name, filename))
        tree.set_environment(self)
        return tree

    def wrap_str_format(self, value: Any) -> Any:
        """A text's methods `format` and `format_map`, which the sandbox never lets through as they are."""
        wrapped = super().wrap_str_format(value)
        if wrapped is None:
            return None

        def form(*args: Any, **kwargs: Any) -> str:
            _meter.get().form(value.__self__, (args, kwargs))
            text: str = wrapped(*args, **kwargs)
            return text

        return form

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        meter = _meter.get()
        meter.before(operator, left, right)
        return meter.made(super().call_binop(context, operator, left, right))

    def call(self, context: Context, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        meter = _meter.get()
        meter.turn()
        for argument in (*args, *kwargs.values()):
            meter.held(argument)
        if isinstance(function, LoopContext):  # a recursive loop goes over what it is called with
            args = (meter.turns(args[0]), *args[1:])
        else:
            args = _checked(meter, function, args)
        return meter.made(super().call(context, function, *args, **kwargs))


def _checked(meter: Meter, function: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments, after methods that make much of little were judged."""
    owner, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
    if isinstance(owner, int) or (isinstance(owner, (str, bytes)) and name in _NO_METHODS):
        raise SecurityError(f'no template may call "{name}".')
    if not isinstance(owner, (str, bytes)):
        return args
    if name == "join" and args:
        return (meter.joined(args[0], owner), *args[1:])
    if name == "replace" and len(args) > 1:
        meter.replaced(owner, args[0], args[1])
    return args


class _Metered(NodeTransformer):
    """Rewrites the tree: what a loop goes over, what is written, and what is made passes through filters that count.
    Their names hold a space, so that no template can speak of them."""

    def visit_For(self, node: nodes.For) -> nodes.Node:
        self.generic_visit(node)
        node.iter = _through("turns", node.iter)
        return node

    def visit_Output(self, node: nodes.Output) -> nodes.Node:
        self.generic_visit(node)
        plain = [nodes.Const(part.data) if isinstance(part, nodes.TemplateData) else part for part in node.nodes]
        node.nodes = [_through("written", part) for part in plain]
        return node

    def visit_AssignBlock(self, node: nodes.AssignBlock) -> nodes.Node:
        self.generic_visit(node)
        node.filter = _through("made", node.filter)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        node.nodes = [_through("made", part) for part in node.nodes]
        return _through("made", node)

    def visit_List(self, node: nodes.List) -> nodes.Node:
        self.generic_visit(node)
        return _through("made", node)

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:
        self.generic_visit(node)
        return _through("made", node)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        self.generic_visit(node)
        return _through("made", node) if node.ctx == "load" else node

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:
        self.generic_visit(node)
        if node.node is not None:  # else it stands for the text of a block
            return _through("made", node)
        return node


def _through(name: str, node: Any) -> nodes.Filter:
    return nodes.Filter(node, f"cutaway {name}", [], [], None, None)


# All filters of ours take the context, so that jinja2 never runs one while it compiles.


@pass_context
def _turns(_context: Context, items: Any) -> Iterator[Any]:
    return _meter.get().turns(items)


@pass_context
def _written(_context: Context, value: Any) -> str:
    return _meter.get().written(value)


@pass_context
def _made(_context: Context, value: Any) -> Any:
    return _meter.get().made(value)


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
    meter = _meter.get()
    size = meter.held(value)
    if indent is not None or separators is not None:
        meter.fits(size * (_width(indent or 0) + sum(map(len, separators or ()))))
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


@pass_context
def _join(context: Context, value: Any, d: str = "", attribute: str | int | None = None) -> str:
    if attribute is not None:
        value = map(make_attrgetter(context.environment, attribute), value)
    return str(d).join(map(str, _meter.get().joined(value, str(d))))


@pass_context
def _replace(_context: Context, s: Any, old: Any, new: Any, count: int | None = None) -> str:
    text, old, new = str(s), str(old), str(new)
    _meter.get().replaced(text, old, new)
    return text.replace(old, new, -1 if count is None else count)


@pass_context
def _indent(_context: Context, s: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    _meter.get().fits(len(s) + (1 + s.count("\n")) * _width(width))
    return do_indent(s, width, first, blank)


@pass_context
def _format(_context: Context, value: str, *args: Any, **kwargs: Any) -> str:
    _meter.get().before("%", str(value), (args, kwargs))
    return do_format(value, *args, **kwargs)


def _width(indent: int | str) -> int:
    width = indent if isinstance(indent, int) else len(indent)
    if width > _WIDEST:
        raise OverBudgetError(f"It indents by more than {_WIDEST} characters")
    return width


def _raise_exception(message: str) -> None:
    raise TemplateError(message)


def _strftime_now(form: str) -> str:
    _meter.get().form(form)
    return datetime.now().strftime(form)


class _Dict:
    """`dict` without the attributes of the type itself."""

    def __call__(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict(*args, **kwargs)

    def fromkeys(self, *args: Any) -> dict[Any, Any]:
        return dict.fromkeys(*args)


class _Namespace(Namespace):
    """A namespace that keeps no names which begin with an underscore, behind which Python keeps its own."""

    def __init__(*args: Any, **kwargs: Any) -> None:  # as jinja2's own, so that it may hold the name "self"
        itself, *rest = args
        found = dict(*rest, **kwargs)
        for name in found:
            _refuse_private(name)
        Namespace.__init__(itself, found)

    def __setitem__(self, name: str, value: Any) -> None:
        _refuse_private(name)
        super().__setitem__(name, value)

    def __repr__(self) -> str:
        return "<Namespace>"  # jinja2's own writes out all that it holds, and that may hold itself


def _refuse_private(name: Any) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"no namespace keeps the name {name!r}.")


class _Generation(Extension):
    """`{% generation %}`: transformers reads a mask from it; here it only bounds what is set inside."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body, lineno=line)
