"""Which page shows what, and where the dashboard's files are: beside the package in a checkout, or in a wheel."""

from __future__ import annotations

from pathlib import Path

from lab.registry import EXPERIMENTS

_UI = Path(__file__).resolve().parent
_PACKAGE = _UI.parent
_CHECKOUT = _PACKAGE.parent


def dashboard_file(name: str) -> Path:
    """Return the path of "app.py", "config.toml" or a page such as "pages/runs.py", wherever this lab is installed."""
    candidates = {
        "app.py": (_UI / "app.py",),
        "logo.svg": (_UI / "logo.svg",),
        "config.toml": (_UI / "config.toml", _CHECKOUT / ".streamlit" / "config.toml"),
    }.get(name, (_PACKAGE / name, _CHECKOUT / name))
    for path in candidates:
        if path.is_file():
            return path
    raise FileNotFoundError(f"the dashboard's {name} is missing: looked at {', '.join(map(str, candidates))}")


def shares_its_page(experiment: str) -> bool:
    """Return whether the page that shows an experiment's runs answers other questions too, each in a tab."""
    return experiment in EXPERIMENTS and bool(EXPERIMENTS[experiment].tab)


def page_of_run(experiment: str, run_id: str) -> tuple[Path, dict[str, str]]:
    """Return the page that shows a run, and the query that opens it there."""
    row = EXPERIMENTS[experiment]
    query = {"run": run_id, "question": row.tab} if row.tab else {"run": run_id}
    return dashboard_file(f"pages/{row.page}.py"), query
