"""Functions of a test that run on the board: their source goes over, a Python literal comes back."""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
from collections.abc import Callable
from typing import Any

BEGIN, END = "\x02", "\x03"


def _literal(value: object, what: str) -> str:
    text = repr(value)
    try:
        same = ast.literal_eval(text) == value
    except (ValueError, SyntaxError):
        same = False
    if not same:
        raise TypeError(f"{what} is {text[:200]}: only numbers, text, bytes and containers of them travel to the board")
    return text


def call_code(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Code that defines `function` on the board, calls it and prints the result between BEGIN and END.

    TypeError for what cannot travel: lambdas, methods, closures, arguments that are no literals.
    """
    if not isinstance(function, types.FunctionType) or function.__name__ == "<lambda>":
        raise TypeError(f"{function!r} is not a function defined with `def`: only its source can travel")
    if function.__code__.co_freevars:
        names = ", ".join(function.__code__.co_freevars)
        raise TypeError(f"{function.__name__}() uses {names} of the function around it: pass them as arguments")
    source = textwrap.dedent(inspect.getsource(function))
    definition = ast.parse(source).body[0]
    assert isinstance(definition, (ast.FunctionDef, ast.AsyncFunctionDef))
    if isinstance(definition, ast.AsyncFunctionDef):
        raise TypeError(f"{function.__name__}() is async: run it inside a plain function with asyncio.run()")
    body = "\n".join(source.splitlines()[definition.lineno - 1 :])  # without decorators
    name = function.__name__
    given = [_literal(value, f"argument {i + 1} of {name}()") for i, value in enumerate(args)]
    given += [f"{key}={_literal(value, f'argument {key} of {name}()')}" for key, value in kwargs.items()]
    return f"{body}\nprint({BEGIN!r} + repr({name}({', '.join(given)})) + {END!r})\ndel {name}\n"


def result(name: str, output: str) -> Any:
    """The value in the output of call_code(). TypeError when it is no Python literal."""
    text = output.rpartition(BEGIN)[2].partition(END)[0]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        raise TypeError(f"{name}() returned {text[:200]}, which is no Python literal") from None
