"""Draw the house: every room of the package on its floor, and which rooms it imports from. Writes docs/house.svg.

    python docs/make_house.py            # draw it
    python docs/make_house.py --figures  # rooms, floors, imports that run upward, functions that import inside

The floors are those that `tests/test_architecture.py` holds; the arrows are read off the imports, so that the picture
cannot drift from the code.
"""

from __future__ import annotations

import argparse
import ast
import runpy
from collections import Counter
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURE = Path(__file__).with_name("house.svg")
WIDTH, ROW, TOP = 1180, 78, 30
SAYS = {
    "pages": "one short file a page", "lab.ui": "widgets and sections", "lab.cli": "the command line",
    "lab.export": "files and reports", "lab.backbone": "a cut network to take along",
    "lab.sweeps": "plans, engines, their tables", "lab.runs": "store, jobs, worker",
    "lab.registry": "one row a question", "lab.charts": "tables to charts", "lab.experiments": "request to tables",
    "lab.exemplars": "patches that excite", "lab.visualization": "optimised images",
    "lab.attributions": "maps and their checks", "lab.embeddings": "vectors, kept by content",
    "lab.training": "small networks", "lab.activations": "one pass, all layers",
    "lab.interventions": "broken for a while",
    "lab.stats": "intervals and verdicts", "lab.probing": "linear probes", "lab.geometry": "maps and similarity",
    "lab.models": "timm ids", "lab.layers": "what a layer is", "lab.weights": "where weights come from",
    "lab.images": "sets, folders, drawings", "lab": "errors, files, settings",
}  # fmt: skip


def rooms() -> tuple[tuple[str, ...], ...]:
    """Return the floors from the top, each a tuple of rooms."""
    return tuple(runpy.run_path(str(ROOT / "tests" / "test_architecture.py"))["FLOORS"])


def room_of(module: str, floors: tuple[tuple[str, ...], ...]) -> str:
    """Return the room that a module is in."""
    found = [room for floor in floors for room in floor if module == room or module.startswith(f"{room}.")]
    return max(found, key=len, default="")


def imports(path: Path) -> list[tuple[str, bool]]:
    """Return the modules of the project that a file imports, each with whether a function does so."""
    tree = ast.parse(path.read_text())
    inside = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for child in ast.walk(node)
    }
    return [
        (node.module, id(node) in inside)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ("lab", "pages")
    ]


def figures() -> dict[str, float]:
    """Return what the shape of the house is in numbers."""
    floors = rooms()
    level = {room: number for number, floor in enumerate(floors) for room in floor}
    files = [*(ROOT / "lab").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]
    up = functions = importing = 0
    for path in files:
        here = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for module, _ in imports(path) if here != "lab" else ():  # the package's face hands names on
            up += level[room_of(module, floors)] < level[room_of(here, floors)]
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                functions += 1
                importing += any(
                    isinstance(child, ast.ImportFrom) and (child.module or "").split(".")[0] == "lab"
                    for child in ast.walk(node)
                )
    return {
        "files": len(files), "lines": sum(len(path.read_text().splitlines()) for path in files),
        "packages": len({path.parent for path in files}), "floors": len(floors), "imports that run upward": up,
        "functions": functions, "functions that import from the lab inside": importing,
        "their share": round(importing / functions, 4),
    }  # fmt: skip


def picture() -> str:
    """Return the house as SVG: floors from the top, an arrow for each pair of rooms, thicker for more imports."""
    floors = rooms()
    where = {
        room: ((index + 0.5) * WIDTH / len(floor), TOP + number * ROW)
        for number, floor in enumerate(floors)
        for index, room in enumerate(floor)
    }
    arrows: Counter[tuple[str, str]] = Counter()
    lines: Counter[str] = Counter()
    for path in [*(ROOT / "lab").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]:
        here = room_of(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"), floors)
        lines[here] += len(path.read_text().splitlines())
        arrows.update({(here, there): 1 for module, _ in imports(path) if (there := room_of(module, floors)) != here})
    parts = [
        f'<line x1="{where[a][0]:.0f}" y1="{where[a][1] + 20:.0f}" x2="{where[b][0]:.0f}" y2="{where[b][1] - 20:.0f}" '
        f'stroke="#7a8aa0" stroke-opacity="0.35" stroke-width="{min(1 + count / 8, 5):.1f}"/>'
        for (a, b), count in sorted(arrows.items())
        if b != "lab"  # errors, files and settings are used everywhere
    ]
    for room, (x, y) in where.items():
        about = f"{SAYS.get(room, '')} · {lines[room]:,} lines"
        parts.append(
            f'<rect x="{x - 98:.0f}" y="{y - 20:.0f}" width="196" height="40" rx="7" fill="#fff" stroke="#33475f"/>'
            f'<g text-anchor="middle"><text x="{x:.0f}" y="{y - 3:.0f}" font-size="13" font-weight="600">{escape(room)}'
            f'</text><text x="{x:.0f}" y="{y + 12:.0f}" font-size="9.5">{escape(about)}</text></g>'
        )
    height = TOP + len(floors) * ROW
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" '
        f'fill="#1d2b3a"><rect width="100%" height="100%" fill="#f6f8fb"/>{"".join(parts)}</svg>\n'
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figures", action="store_true")
    if parser.parse_args().figures:
        print("\n".join(f"{name}: {value}" for name, value in figures().items()))
    else:
        PICTURE.write_text(picture())
