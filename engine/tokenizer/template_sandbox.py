"""Chat templates are programs that strangers wrote. Here they run with what transformers gives them and nothing else,
within a budget of work, characters and time, so that one which loops or explodes ends in a sentence.

The sandbox is jinja2's, set up as `transformers.utils.chat_template_utils` does. The budget is ours: before a template
is compiled, its syntax tree is rewritten so that every loop, every text that is written and every value that is made
passes through a `Meter`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from jinja2 import Template, TemplateError, nodes
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

from engine.errors import CutawayError
from engine.tokenizer.template_budget import METER, Meter, OverBudgetError
from engine.tokenizer.template_filters import FILTERS, OURS

_LONGEST_SOURCE = 2**20
# They make much of little in one step, and no published chat template uses them.
_NO_METHODS = ("center", "expandtabs", "ljust", "rjust", "translate", "zfill")


def render(source: str, variables: Mapping[str, Any]) -> str:
    """The text that the template writes. variables: plain JSON.

    Raises CutawayError for a template that cannot be read, that refuses the conversation (with its own words), or that
    takes more than its budget.
    """
    meter = Meter(sum(map(len, _texts(variables))))
    token = METER.set(meter)
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
        raise _failed(f"It fails: {str(error) or type(error).__name__}") from error
    finally:
        METER.reset(token)


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
        self.filters |= FILTERS
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
            METER.get().form(value.__self__, (args, kwargs))
            text: str = wrapped(*args, **kwargs)
            return text

        return form

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        meter = METER.get()
        meter.before(operator, left, right)
        return meter.made(super().call_binop(context, operator, left, right))

    def call(self, context: Context, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        meter = METER.get()
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
    return nodes.Filter(node, OURS + name, [], [], None, None)


def _raise_exception(message: str) -> None:
    raise TemplateError(message)


def _strftime_now(form: str) -> str:
    METER.get().form(form)
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
