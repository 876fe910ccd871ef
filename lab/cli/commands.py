"""The commands beside `probe`: demo, app, models, layers, runs, export."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from lab.charts.theme import BACKGROUNDS, DPI, SLIDE_WIDTH, Look
from lab.cli import probe, question
from lab.cli.terminal import Bars, say, show_json, show_table
from lab.errors import LabError
from lab.experiments.nicknames import nicknames_in, renamed
from lab.experiments.result import Result
from lab.experiments.separability.request import ProbeRequest
from lab.experiments.separability.run import embeddings_of
from lab.export.formats import FORMATS, export_embeddings, export_run
from lab.export.lesson.plan import read_plan
from lab.export.trackers import TRACKERS, log, tracker_named
from lab.layers import select_layers
from lab.layers.tree import layer_tree
from lab.models import structure
from lab.models.search import ModelFilter, families, meant, quantity, search_models
from lab.runs import jobs, trash
from lab.runs.storage import home_size
from lab.runs.store import RunFolder, find_run, list_runs, unreadable_runs
from lab.settings import home
from lab.ui.server import serve
from lab.ui.sharing import LOCAL, Sharing


def demo_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `demo`."""
    parser.add_argument("--no-serve", action="store_true", help="stop before the dashboard")
    _serving_options(parser)
    question.compute_options(parser)


def demo(given: argparse.Namespace) -> None:
    """Compute the default experiment, show it, then serve the dashboard opened on it."""
    say("The default experiment: cats and dogs that are drawn here, seen by a network that knows photographs.")
    run = question.computed_run(ProbeRequest(), question.compute_settings(given))
    probe.show(run)
    if not given.no_serve:
        _serve(run.id, given)


def app_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `app`."""
    _serving_options(parser)
    question.code_option(parser)


def _serving_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=8501, help="the dashboard's port on this machine (default 8501)")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.add_argument(
        "--address",
        metavar="IP",
        help="serve on a network, to whoever has the link (0.0.0.0: on all; default: here only)",
    )
    parser.add_argument(
        "--host", action="append", default=[], metavar="NAME", help="a further name it is reached by (that of a proxy)"
    )
    parser.add_argument(
        "--root", action="append", type=Path, metavar="DIR",
        help="a folder whose images and checkpoints may be read, no path elsewhere; without any, nothing on a network",
    )  # fmt: skip


def app(given: argparse.Namespace) -> None:
    """Serve the dashboard."""
    _serve(None, given)


def models_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `models`."""
    parser.add_argument(
        "--search",
        default="",
        metavar="TEXT",
        help="words of the id, nearly as written; or a pattern with * and ?",
    )
    parser.add_argument(
        "--family", default="", metavar="NAME", help="only of this timm module (resnet, swin_transformer)"
    )
    parser.add_argument("--families", action="store_true", help="list the families instead")
    parser.add_argument("--max-parameters", metavar="N", help="at most so many parameters (5M)")
    parser.add_argument(
        "--max-flops", metavar="N", help="at most so many operations an image, a multiply-add is two (1G)"
    )
    parser.add_argument("--input-size", type=int, metavar="PIXELS", help="only for images of this side")
    parser.add_argument(
        "--licence", default="", metavar="TEXT", help="only with this in the name of the weights' licence"
    )
    parser.add_argument("--offline", action="store_true", help="only those whose weights are on this machine")
    parser.add_argument("--limit", type=int, default=50, help="at most so many (default 50; 0 for all)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def models(given: argparse.Namespace) -> None:
    """Show the models that fit a search."""
    if given.families:
        show_json(families()) if given.json else print("\n".join(families()))
        return
    wanted = ModelFilter(
        family=given.family,
        max_parameters=quantity(given.max_parameters) if given.max_parameters else None,
        max_flops=quantity(given.max_flops) if given.max_flops else None,
        input_size=given.input_size,
        licence=given.licence,
        offline=given.offline,
    )
    found = search_models(given.search, wanted)
    rows = found[: given.limit or None]
    if given.json:
        show_json(rows)
    elif rows:
        show_table(pd.DataFrame(rows))
    if len(rows) < len(found):
        say(f"{len(rows)} of {len(found)}; --limit 0 shows all")
    if not found:
        say(f"no model fits {given.search!r}")
    for word, parts in meant(given.search).items():
        say(f"no model has {word!r} in its name{f'; shown: {parts[0]}' if parts else ''}")


def layers_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `layers`."""
    parser.add_argument("model", metavar="ID[@WEIGHTS]")
    parser.add_argument("--layers", default="blocks", metavar="all|stages|blocks|NAME,…", help="which (default blocks)")
    parser.add_argument("--tree", action="store_true", help="draw them as a tree")
    question.code_option(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def layers(given: argparse.Namespace) -> None:
    """Show the layer table of a model."""
    import dataclasses

    known = structure(given.model)
    every = known.layers
    for note in known.notes:
        say(note)
    chosen = every if given.layers == "all" else select_layers(every, given.layers)
    if given.tree and not given.json:
        print("\n".join(layer_tree(chosen)))
        return
    rows = [dataclasses.asdict(layer) for layer in chosen]
    show_json(rows) if given.json else show_table(pd.DataFrame(rows))


def runs_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `runs`."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--deleted", action="store_true", help="list what is in the trash instead")
    acts = parser.add_subparsers(dest="act_on", metavar="ACTION")
    for name, text in (
        ("rename", "give a run a name"),
        ("tag", "give a run tags, in the place of those it has"),
        ("delete", "put a run into the trash"),
        ("restore", "bring a deleted run back"),
        ("cancel", "end the work on a run"),
    ):
        row = acts.add_parser(name, help=text)
        row.add_argument("run", help="the run's id, name or folder")
        if name == "rename":
            row.add_argument("name", help="its new name")
        if name == "tag":
            row.add_argument("tags", nargs="*", help="its new tags; none takes them away")
        if name == "delete":
            row.add_argument("--yes", action="store_true", help="also when its folder is outside the home folder")


def runs(given: argparse.Namespace) -> None:
    """List the runs, or do something to one of them."""
    if given.act_on is None:
        _list_deleted(given.json) if given.deleted else _list_runs(given.json)
        return
    if given.act_on == "restore":
        say(f"restored: {trash.restore(trash.find_deleted(given.run))}")
        return
    run = find_run(given.run)
    if given.act_on == "rename":
        run.rename(given.name)
    elif given.act_on == "tag":
        run.tag(given.tags)
    elif given.act_on == "delete":
        run.delete(outside_home=given.yes)
        say(f"`feature-lab runs restore {run.id}` brings it back within {trash.KEEP_DAYS} days")
    else:
        jobs.cancel(run)
    say(f"{given.act_on}: {run.id}")


def export_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `export`."""
    parser.add_argument("run", help="the run's id, name or folder")
    told = "; ".join(f"{name}: {row.title}" for name, row in FORMATS.items())
    parser.add_argument("--format", choices=tuple(FORMATS), default="html", help=f"{told} (default html)")
    parser.add_argument("--embeddings", choices=("npz", "safetensors"), help="write the embeddings instead")
    trackers = "; ".join(f"{name}: {row.title}" for name, row in TRACKERS.items())
    parser.add_argument("--to", choices=tuple(TRACKERS), help=f"hand it to a tracker instead: {trackers}")
    parser.add_argument("--projector", action="store_true", help="with --to tensorboard: the embeddings too")
    parser.add_argument("--plan", type=Path, metavar="FILE", help="with --format lesson: its plan, as you edited it")
    question.code_option(parser)
    question.label_option(parser)
    sizes = parser.add_argument_group("charts (--format svg, png or spec)")
    sizes.add_argument("--width", type=int, metavar="PIXELS", help=f"(default {SLIDE_WIDTH})")
    sizes.add_argument("--height", type=int, metavar="PIXELS", help="(default as on the page)")
    sizes.add_argument("--theme", choices=tuple(BACKGROUNDS), default="light", help="paper is for print")
    sizes.add_argument("--font", default="", metavar="NAME", help="a font of this computer")
    sizes.add_argument("--dpi", type=int, default=DPI, help=f"dots an inch of PNG, 72 pixels each (default {DPI})")
    sizes.add_argument("--chart", default="", metavar="NAME", help="only this chart, which others' sizes do not fit")
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="the folder to write into (default here)"
    )


def export(given: argparse.Namespace) -> None:
    """Write a run in one of the formats and print the paths."""
    result = find_run(given.run).result()
    if not given.embeddings:
        result = renamed(result, nicknames_in(given.label))
    look = Look(given.width, given.height, given.theme, given.font, given.dpi)
    if given.embeddings:
        print(_export_embeddings(result, given.out / f"{result.request.run_id}.{given.embeddings}"))
        return
    if given.to or given.projector:
        _hand_over(result, given)
        return
    plan = read_plan(given.plan) if given.plan else None
    for path in export_run(result, given.format, given.out, look=look, chart=given.chart, plan=plan):
        print(path)


def _hand_over(result: Result, given: argparse.Namespace) -> None:
    if given.projector and given.to != "tensorboard":
        raise LabError("--projector is for TensorBoard; give --to tensorboard with it")
    tracker_named(given.to)  # before the embeddings are read
    bars = Bars()
    try:
        vectors = embeddings_of(result, progress=bars) if given.projector else None
        written = log(result, given.to, given.out, embeddings=vectors)
    finally:
        bars.close()
    print("\n".join(written))


def _export_embeddings(result: Result, path: Path) -> Path:
    bars = Bars()
    try:
        return export_embeddings(result, path, embeddings_of(result, progress=bars))
    finally:
        bars.close()


def _serve(run_id: str | None, given: argparse.Namespace) -> None:
    if not 1 <= given.port <= 65535:
        raise LabError(f"port is {given.port}; it must be from 1 to 65535")
    roots = None if given.root is None else tuple(given.root)
    sharing = Sharing((given.address or LOCAL).strip("[]"), tuple(given.host), roots)
    serve(run_id, port=given.port, open_browser=not given.no_browser, sharing=sharing)


def _list_runs(as_json: bool) -> None:
    rows = [_row(run) for run in (*list_runs(), *unreadable_runs())]
    if as_json:
        show_json(rows)
    elif rows:
        show_table(pd.DataFrame(rows))
        say(f"{home()}: {home_size()}")
    else:
        say("no runs yet; `feature-lab demo` makes the first")


def _list_deleted(as_json: bool) -> None:
    found = trash.deleted_runs()
    rows = [{"run": run.id, "name": run.name, "days_left": run.days_left, "was": str(run.origin)} for run in found]
    if as_json:
        show_json(rows)
    elif rows:
        show_table(pd.DataFrame(rows))
    else:
        say("the trash is empty")


def _row(run: RunFolder) -> dict[str, str]:
    status = run.status
    created = "" if status == "damaged" else str(run.manifest.get("created", ""))
    return {"run": run.shown_id, "status": status, "name": run.name, "created": created, "problem": run.problem,
            "tags": ", ".join(run.tags)}  # fmt: skip
