"""Where the dashboard's files are: beside the package in a checkout, inside it in an installed wheel."""

from __future__ import annotations

from pathlib import Path

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
