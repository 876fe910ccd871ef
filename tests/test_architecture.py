"""The house's shape: imports point one way, and streamlit stays where the pages are."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# A module may import from its own row and the rows below it. The first match names a module's row.
FLOORS = (
    ("pages",),
    ("lab.ui", "lab.cli"),
    ("lab.export", "lab.backbone", "lab.sweeps"),
    ("lab.runs",),
    ("lab.registry",),
    ("lab.charts",),
    ("lab.selfcheck",),
    ("lab.experiments",),
    ("lab.exemplars", "lab.visualization"),
    ("lab.attributions", "lab.embeddings", "lab.training"),
    ("lab.activations", "lab.interventions"),
    ("lab.stats", "lab.probing", "lab.geometry"),
    ("lab.models",),
    ("lab.layers", "lab.weights", "lab.images"),
    ("lab",),
)
FILES = sorted([*(ROOT / "lab").rglob("*.py"), *(ROOT / "pages").rglob("*.py")])


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path, *, typing_too: bool = False) -> set[str]:
    """Absolute names imported anywhere in the file, inside functions too; those for type checking when asked for."""
    names = set()
    tree = ast.parse(path.read_text())
    typing_only = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only and not typing_too:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def homes(names: set[str], modules: Mapping[str, Path]) -> set[str]:
    """The files that names are imported from."""
    return {next((m for m in (name, name.rpartition(".")[0]) if m in modules), "") for name in names} - {""}


def floor(name: str) -> int:
    for number, rooms in enumerate(FLOORS):
        if any(name == room or name.startswith(f"{room}.") for room in rooms):
            return number
    raise AssertionError(f"{name} has no floor")


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_imports_point_down(path: Path) -> None:
    here = module_name(path)
    up = [name for name in imported(path) if name.split(".")[0] in ("lab", "pages") and floor(name) < floor(here)]
    assert not up, f"{here} imports from a floor above: {up}"


def test_no_files_import_each_other_in_a_circle() -> None:
    """Not even for type checking: what two files share is in a third one below both."""
    modules = {module_name(path): path for path in FILES}
    graph = {name: homes(imported(path, typing_too=True), modules) - {name} for name, path in modules.items()}
    tuple(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_streamlit_is_imported_by_pages_and_ui_only(path: Path) -> None:
    uses = any(name.split(".")[0] == "streamlit" for name in imported(path))
    assert not uses or module_name(path).startswith(("pages", "lab.ui"))


def test_values_are_frozen() -> None:
    """A dataclass that may be written on is one that gathers something while it is filled; all others are values."""
    gathering = {
        "_Batch", "_Exam", "_Leaf", "_RecordedShapes", "Extremes", "Fourier", "History", "InterventionOutputs",
        "Moments", "Pace", "Phases", "Slides", "State", "Visit", "Watcher",
    }  # fmt: skip
    written = {
        node.name
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        for decorator in map(ast.unparse, node.decorator_list)
        if decorator.startswith("dataclass") and "frozen=True" not in decorator
    }
    assert written == gathering


def test_no_error_ends_with_a_full_stop() -> None:
    """Whoever shows it ends the sentence, so "leave the class out.." would stand on the page."""
    ended = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                said = node.exc.args[0]
                last = said.values[-1] if isinstance(said, ast.JoinedStr) and said.values else said
                if isinstance(last, ast.Constant) and str(last.value).endswith("."):
                    ended.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not ended
