"""Every test asserts something on every path: a loop over nothing, or an `if` never true, would pass anything."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
FILLED = {"zip", "enumerate", "sorted", "reversed", "list", "tuple", "product", "permutations", "combinations"}


def test_every_test_asserts_on_every_path() -> None:
    empty = [
        f"{path.name}:{test.lineno} {test.name}"
        for path in sorted(TESTS.rglob("test_*.py"))
        for test in ast.walk(ast.parse(path.read_text()))
        if isinstance(test, ast.FunctionDef) and test.name.startswith("test_") and may_pass_for_nothing(test)
    ]
    assert not empty, f"asserts only in loops or branches that may not be taken (say that they were): {empty}"


@pytest.mark.parametrize(
    ("body", "empty"),
    [
        ("for x in found:\n  assert x", True),
        ("for x in (1, 2):\n  assert x", False),
        ("for x in range(3):\n  assert x", False),
        ("for x in range(n):\n  assert x", True),
        ("assert found\nfor x in found:\n  assert x", False),
        ("if a:\n  assert b", True),
        ("if a:\n  assert b\nelse:\n  assert c", False),
        ("with pytest.raises(E):\n  f()", False),
        ("with f():\n  for x in found:\n    assert x", True),
        ("checked(found)", False),
    ],
)
def test_what_may_pass_for_nothing_is_seen(body: str, empty: bool) -> None:
    test = ast.parse("def test():\n" + "\n".join(f"  {line}" for line in body.splitlines())).body[0]
    assert isinstance(test, ast.FunctionDef)
    assert may_pass_for_nothing(test) == empty


def may_pass_for_nothing(test: ast.FunctionDef) -> bool:
    """Return whether a test has asserts, but none that every run of it comes by (helpers that assert have none)."""
    return any(isinstance(node, ast.Assert) for node in ast.walk(test)) and not asserts(test.body)


def asserts(body: Iterable[ast.stmt]) -> bool:
    """Return whether running statements to their end always comes by an assertion."""
    return any(map(_asserts, body))


def _asserts(statement: ast.stmt) -> bool:
    match statement:
        case ast.Assert():
            return True
        case ast.For():
            return _filled(statement.iter) and asserts(statement.body)
        case ast.If():
            return asserts(statement.body) and asserts(statement.orelse)
        case ast.With():
            contexts = " ".join(ast.unparse(item.context_expr) for item in statement.items)
            return "pytest.raises" in contexts or "pytest.warns" in contexts or asserts(statement.body)
        case ast.Try():
            return asserts(statement.body) or asserts(statement.finalbody)
        case ast.Expr(value=ast.Call(func=call)):
            return "assert_" in ast.unparse(call)
    return False


def _filled(iterated: ast.expr) -> bool:
    """Return whether what a loop runs over is plainly not empty: written out, a constant, or made of such."""
    match iterated:
        case ast.Tuple() | ast.List() | ast.Set():
            return any(_filled(part.value) if isinstance(part, ast.Starred) else True for part in iterated.elts)
        case ast.Dict():
            return bool(iterated.keys)
        case ast.IfExp(body=one, orelse=other):
            return _filled(one) and _filled(other)
        case ast.BinOp(left=one, right=other):
            return _filled(one) or _filled(other)
        case ast.Constant():
            return True
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.isupper()
        case ast.Call(func=ast.Name(id="range"), args=counts):
            return all(isinstance(count, ast.Constant) for count in counts)
        case ast.Call(func=ast.Name(id=name), args=parts):
            return name in FILLED and all(map(_filled, parts))
        case ast.Call(func=ast.Attribute(value=owner, attr="items" | "values" | "keys")):
            return _filled(owner)
    return False
