"""Write docs/tables.md, what every table of every question holds: python docs/make_tables.py"""

from __future__ import annotations

from pathlib import Path

from lab.registry import EXPERIMENTS, as_markdown, tables_as_markdown
from lab.sweeps.columns import PLAN, SWEEP

TABLES = Path(__file__).with_name("tables.md")
INTRODUCTION = """# The tables of a run

Every run is a folder; its tables are in `tables/*.parquet`, one row per observation, and `feature-lab export RUN
--format csv` writes the same as CSV. Intervals are 95 %. A question's tables are under the name that `feature-lab ask`,
`run.json` and the name of the run folder have for it. (This page is written by `docs/make_tables.py`.)
"""


def document() -> str:
    """Return the whole page."""
    contents = "\n".join(f"- [{name}](#{name}): {row.question}" for name, row in EXPERIMENTS.items())
    parts = [f"## {name}\n\n{row.question}\n\n{as_markdown(name, level=3)}" for name, row in EXPERIMENTS.items()]
    sweep = f"## sweep\n\nWhat `feature-lab sweep` makes of many runs.\n\n{tables_as_markdown(SWEEP, level=3)}"
    plan = f"## plan\n\nWhat `feature-lab plan` foresees of a sweep.\n\n{tables_as_markdown(PLAN, level=3)}"
    many = "- [sweep](#sweep): many probe runs at once\n- [plan](#plan): what they will cost"
    return "\n".join([INTRODUCTION, contents, many, "", *parts, sweep, plan])


if __name__ == "__main__":
    TABLES.write_text(document())
