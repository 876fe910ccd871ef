"""Count the words that a user reads, by where they stand: `python benchmarks/words.py [ROOT]`.

Findings are those of the examples; all else are the sentences (three words or more) in the source of pages, charts,
report and command line, f-strings without what they fill in. Docstrings and errors are left out.
"""

from __future__ import annotations

import ast
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

PLACES = {"pages": ("lab/ui", "pages", "lab/registry"), "charts": ("lab/charts",), "report": ("lab/export",),
          "command line": ("lab/cli",), "options": ("lab/experiments",)}  # fmt: skip


def told(node: ast.AST, kind: str) -> Iterator[tuple[str, str]]:
    """Yield (kind, text) of every string below a node: help, caption, option, or text."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Raise, ast.Assert)) or (isinstance(child, ast.Expr) and docstring(child)):
            continue
        name = getattr(child, "arg", "") or getattr(getattr(child, "func", None), "attr", "")
        below = {"help": "help", "offer": "offer", "caption": "caption"}.get(str(name), kind)
        if isinstance(child, ast.Call) and getattr(child.func, "id", "") == "option":
            below = "option"
        if isinstance(child, ast.Constant) and isinstance(child.value, str) and read(child.value):
            yield kind, child.value
        yield from told(child, below)


def read(text: str) -> bool:
    """Whether somebody reads it: no style sheet, no markup alone."""
    return len(text.split()) > 2 and "; }" not in text and "</style>" not in text


def docstring(node: ast.Expr) -> bool:
    return isinstance(node.value, ast.Constant)


def main(root: Path) -> None:
    runs = [json.loads(file.read_text()) for file in sorted(root.glob("lab/examples/*/run.json"))]
    print("findings", sum(len(text.split()) for run in runs for text in run.get("findings", ())))
    for place, folders in PLACES.items():
        found: Counter[str] = Counter()
        for file in (file for folder in folders for file in sorted((root / folder).rglob("*.py"))):
            for kind, text in told(ast.parse(file.read_text()), "text"):
                found[kind] += len(text.split())
        print(place, dict(found if place != "options" else {"option": found["option"]}))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
