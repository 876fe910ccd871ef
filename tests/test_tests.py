"""Tests about the tests: each asserts something on every path, and replaces a function where it is looked up.

A loop over nothing, an `if` never true, or a replaced function that nobody calls by that name would pass anything.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
LAB = TESTS.parent / "lab"
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


def test_what_a_test_replaces_is_looked_up_where_it_is_replaced() -> None:
    modules = {_dotted(path): ast.parse(path.read_text()) for path in LAB.rglob("*.py")}
    looked_up = {name: set(_looked_up(tree)) for name, tree in modules.items()}
    through_module = {found for tree in modules.values() for found in _through_modules(tree)}
    replaced = [
        (f"{path.name}:{line}", module, name)
        for path in sorted(TESTS.rglob("*.py"))
        for line, module, name in _replaced(ast.parse(path.read_text()))
        if module in modules
    ]
    assert len(replaced) > 50
    idle = [
        f"{where} {module}.{name}"
        for where, module, name in replaced
        if name not in looked_up[module] and (module, name) not in through_module
    ]
    assert not idle, f"replaced where nobody looks it up, so that nothing changes: {idle}"


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(LAB.parent).with_suffix("").parts).removesuffix(".__init__")


def _looked_up(tree: ast.Module) -> Iterable[str]:
    return (node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load))


def _imported(tree: ast.Module) -> dict[str, str]:
    """Return what each imported name of a file stands for."""
    return {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    } | {
        alias.asname: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.asname
    }


def _through_modules(tree: ast.Module) -> Iterable[tuple[str, str]]:
    """Return the names that a file looks up as `module.name`, and those it imports only when a function is called."""
    names = _imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names:
            yield names[node.value.id], node.attr
        if isinstance(node, ast.FunctionDef):
            late = (inner for inner in ast.walk(node) if isinstance(inner, ast.ImportFrom))
            yield from ((inner.module or "", alias.name) for inner in late for alias in inner.names)


def _replaced(tree: ast.Module) -> Iterable[tuple[int, str, str]]:
    """Return what `setattr` of a monkeypatch replaces: line, module, name."""
    names = _imported(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="setattr"), args=[ast.Constant(value=str(place)), _, *_]):
                module, _, name = place.rpartition(".")
                yield node.lineno, module, name
            case ast.Call(
                func=ast.Attribute(attr="setattr"), args=[ast.Name(id=owner), ast.Constant(value=str(name)), *_]
            ):
                yield node.lineno, names.get(owner, ""), name
