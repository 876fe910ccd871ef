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


# experiment -> (page that shows its runs, the tab of that page)
SHOWN_ON = {
    "break": ("break_the_stack", "Break a part"),
    "tail": ("break_the_stack", "y = j(x)?"),
    "linear": ("break_the_stack", "No activations"),
    "collapse": ("break_the_stack", "One convolution"),
    "side": ("break_the_stack", "Side by side"),
    "together": ("break_the_stack", "All layers"),
    "probe": ("separability", ""),
    "depth_strip": ("channels", "Depth strip"),
    "exemplars": ("channels", "Layer sheet"),
    "visualize": ("channels", "Layer sheet"),
    "channel": ("channels", "Channel card"),
    "kernels": ("channels", "First filters"),
    "compare": ("compare", ""),
    "filter": ("how_layers_build", "One filter"),
    "face": ("how_layers_build", "One filter"),
    "sizes": ("how_layers_build", "Sizes and weights"),
    "slide": ("how_layers_build", "Sizes and weights"),
    "field": ("how_layers_build", "Receptive field"),
    "attribute": ("attributions", "Maps of a picture"),
    "attribution_score": ("attributions", "Which maps are right"),
    "stack": ("how_layers_build", "Receptive field"),
    "edges": ("how_layers_build", "Edges become shapes"),
    "tuning": ("how_layers_build", "Edges become shapes"),
    "thumbnail": ("how_layers_build", "What is left"),
    "factors": ("how_layers_build", "What is left"),
    "inversion": ("how_layers_build", "What is left"),
    "train": ("train_and_watch", ""),
    "watch": ("train_and_watch", ""),
}


def shares_its_page(experiment: str) -> bool:
    """Return whether the page that shows an experiment's runs answers other questions too, each in a tab."""
    return bool(SHOWN_ON.get(experiment, ("", ""))[1])


def page_of_run(experiment: str, run_id: str) -> tuple[Path, dict[str, str]]:
    """Return the page that shows a run, and the query that opens it there."""
    page, tab = SHOWN_ON.get(experiment, ("runs", ""))
    query = {"run": run_id, "question": tab} if tab else {"run": run_id}
    return dashboard_file(f"pages/{page}.py"), query
