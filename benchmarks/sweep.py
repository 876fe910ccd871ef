"""Does the lab read every family of timm? One model per module, its smallest, untrained; the table is docs/sweep.md.

    python benchmarks/sweep.py --seconds 80     # goes on where it stopped; repeat until it says it is done

For each network: every listed layer is captured in one pass, its pooled vectors are finite and of the length that was
announced, an image's vectors are the same whether it comes alone or in a batch, and the maps that timm's own
`forward_intermediates` returns are among the layers, to the number. Places are checked twice: a layer whose map does
not move where the image is changed has no height and width (`lab.layers.places`), and no layer holds the values of one
of timm's maps in another order. What cannot be read is listed with the reason.
"""

from __future__ import annotations

import argparse
import csv
import json
import signal
import time
import warnings
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ARCHITECTURES = ROOT / "lab" / "models" / "architectures.csv"
DOCUMENT = ROOT / "docs" / "sweep.md"
BATCH = 3
PATIENCE = 75  # seconds a network
LARGE = 512  # pixels; beyond this a smaller input is used if the network says which it takes
# Of a layer's largest activation: float32 rounding through a deep network, as in lab.activations.folding. (Embeddings
# do not depend on how many images there are: the lab fills every batch up.)
TOLERANCE = 1e-4
HEADER = (
    "| family | model | input | layers | blocks | stages | kept out | without positions | same as timm's "
    "| alone and in a batch |"
)


def main() -> None:
    """Sweep what is not swept yet, for at most `--seconds`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=80)
    parser.add_argument("--notes", type=Path, default=Path("sweep.jsonl"), help="what was swept so far")
    given = parser.parse_args()
    rows = [json.loads(line) for line in given.notes.read_text().splitlines()] if given.notes.exists() else []
    done = {row["family"] for row in rows}
    began = time.monotonic()
    wanted = smallest_per_family()
    with given.notes.open("a") as notes:
        for family, name in wanted.items():  # the smallest networks first
            if family in done:
                continue
            if time.monotonic() - began > given.seconds:
                break
            row = {"family": family, "model": name, **swept(name)}
            rows.append(row)
            notes.write(json.dumps(row) + "\n")
            notes.flush()
    write(rows)
    print(f"{len(rows)} of {len(wanted)}" + (", done" if len(rows) >= len(wanted) else ""))


def smallest_per_family() -> dict[str, str]:
    """Return the architecture with the fewest parameters of every timm module."""
    with ARCHITECTURES.open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: int(row["parameters"]))
    found: dict[str, str] = {}
    for row in rows:
        found.setdefault(row["family"], row["name"])
    return found


def swept(name: str) -> dict[str, Any]:
    """Return what a network's row says; "problem" is why it cannot be read, or what is wrong."""
    from lab.layers import receptive
    from lab.layers.table import layer_table
    from lab.weights.networks import build_network

    # Receptive fields are no part of the sweep, and measuring them takes most of the time.
    receptive.measure = lambda _module, layers, _size: {layer.name: receptive.UNKNOWN for layer in layers}
    began = time.monotonic()
    signal.signal(signal.SIGALRM, _too_slow)
    signal.alarm(PATIENCE)
    try:
        module = build_network(name).eval().requires_grad_(False)
        size = input_size(module.default_cfg)
        layers, exclusions = layer_table(module, size)
        row = {
            "input": size[1],
            "layers": len(layers),
            "blocks": sum(layer.kind == "block" for layer in layers),
            "stages": sum(layer.stage_end for layer in layers),
            "excluded": len(exclusions),
            "unplaced": sum(layer.layout != "NC" and not layer.height for layer in layers),
            **checked(module, layers, size),
        }
    except Exception as error:
        row = {"problem": f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"}
    finally:
        signal.alarm(0)
    return {**row, "seconds": round(time.monotonic() - began, 1)}


def input_size(config: dict[str, Any]) -> tuple[int, int, int]:
    """Return the size a network is made for, or twice the smallest it says it takes if that is far less work."""
    channels, height, width = config["input_size"]
    smallest = config.get("min_input_size")
    if smallest and width > LARGE and not config.get("fixed_input_size"):
        return channels, 2 * smallest[1], 2 * smallest[2]
    return channels, height, width


def _too_slow(*_: Any) -> None:
    raise TimeoutError(f"more than {PATIENCE} seconds on this machine")


def checked(module: Any, layers: Any, size: tuple[int, int, int]) -> dict[str, Any]:
    """Return how layers, batches and timm's own intermediates agree."""
    import torch

    from lab.activations import pool, record
    from lab.activations.pooling import dimension

    images = torch.randn((BATCH, *size), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        with record(module, layers) as whole:
            module(images)
        with record(module, layers, lambda activation, layer: pool(activation, layer, "avg")) as alone:
            module(images[:1])
    problems, gap = [], 0.0
    for layer in layers:
        if layer.name not in whole:
            problems.append(f"{layer.name} is not captured")
            continue
        vectors = pool(whole[layer.name], layer, "avg")
        if tuple(vectors.shape) != (BATCH, dimension(layer, "avg")):
            problems.append(f"{layer.name} pools to {tuple(vectors.shape)}")
        elif not bool(vectors.isfinite().all()):
            problems.append(f"{layer.name} is not finite")
        else:
            largest = max(float(whole[layer.name].abs().max()), 1e-3)
            gap = max(gap, float((vectors[:1] - alone[layer.name]).abs().max()) / largest)
    same, known, moved = intermediates(module, layers, whole, images)
    if moved:
        problems.append(f"the positions of {', '.join(moved[:3])} are not timm's")
    if gap > TOLERANCE:
        problems.append(f"an image alone differs by {gap:.1g} of the layer's largest activation")
    return {"same": same, "intermediates": known, "gap": gap, **({"problem": "; ".join(problems)} if problems else {})}


def intermediates(module: Any, layers: Any, whole: dict[str, Any], images: Any) -> tuple[int, int | None, list[str]]:
    """Return how many of timm's intermediate maps are among the layers, how many there are (None: it has none), and
    which layers hold the values of one at other places.
    """
    import torch

    from lab.activations.pooling import maps

    try:
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = module.forward_intermediates(images, intermediates_only=True, output_fmt="NCHW")
    except Exception:
        return 0, None, []
    shaped = {layer.name: maps(whole[layer.name], layer) for layer in layers if layer.layout == "NC" or layer.height}
    same, moved = 0, []
    for wanted in found:
        if isinstance(wanted, (tuple, list)):
            wanted = wanted[0]
        near = 1e-5 * max(float(wanted.abs().max()), 1e-3)
        gaps = {name: float((one - wanted).abs().max()) for name, one in shaped.items() if one.shape == wanted.shape}
        same += any(gap <= near for gap in gaps.values())
        moved += [name for name, gap in gaps.items() if gap > near and same_values(shaped[name], wanted, near)]
    return same, len(found), moved


def same_values(known: Any, wanted: Any, near: float) -> bool:
    """Whether two maps hold the same values, wherever they are."""
    one, other = (maps.norm(dim=1).flatten(1).sort().values for maps in (known, wanted))
    return float((one - other).abs().max()) <= near


def write(rows: list[dict[str, Any]]) -> None:
    """Write the document."""
    good = [row for row in rows if "problem" not in row]
    bad = [row for row in rows if "problem" in row]
    known = [row for row in good if row["intermediates"]]
    every = sum(row["same"] == row["intermediates"] for row in known)
    lines = [
        "# Every family of timm",
        "",
        f"`python benchmarks/sweep.py` reads the smallest model of each timm module, untrained. Of "
        f"{len(smallest_per_family())} modules {len(good)} are read without a fault, {len(bad)} are left out, "
        f"{len(_missing(rows))} were not swept yet.",
        "",
        "- *layers*: modules whose output can be read; *kept out*: modules that run twice, never, or give no tensor;",
        "- *without positions*: layers whose rows are no places of the image (or not in its order), so that grids,",
        "  attributions and exemplars refuse them;",
        f"- *same as timm's*: how many of the maps of timm's `forward_intermediates` are among the layers, to 1e-5 of "
        f"the largest value (all of them in {every} of {len(known)} families; in the others timm makes them "
        "between modules, or a block hands them on in a tuple, and the layers within it are read instead);",
        "- *alone and in a batch*: the largest difference of an image's pooled vectors, as a share of the",
        "  layer's largest activation.",
        "",
        HEADER,
        "|---|---|---|---|---|---|---|---|---|---|",
        *(_line(row) for row in sorted(good, key=lambda row: row["family"])),
        "",
        "## Left out",
        "",
        *([f"- `{row['model']}` ({row['family']}): {row['problem']}" for row in bad] or ["None."]),
        *_not_yet(rows),
    ]
    DOCUMENT.write_text("\n".join(lines) + "\n")


def _not_yet(rows: list[dict[str, Any]]) -> list[str]:
    rest = [f"`{name}` ({family})" for family, name in _missing(rows).items()]
    return ["", "## Not swept yet", "", f"{len(rest)} families with large models: {', '.join(rest)}."] if rest else []


def _missing(rows: list[dict[str, Any]]) -> dict[str, str]:
    done = {row["family"] for row in rows}
    return {family: name for family, name in smallest_per_family().items() if family not in done}


def _line(row: dict[str, Any]) -> str:
    same = f"{row['same']} of {row['intermediates']}" if row["intermediates"] is not None else "it has none"
    cells = [row["family"], f"`{row['model']}`", row["input"], row["layers"], row["blocks"], row["stages"]]
    unplaced = row.get("unplaced", "")
    return f"| {' | '.join(map(str, [*cells, row['excluded'], unplaced, same, format(row['gap'], '.1g')]))} |"


if __name__ == "__main__":
    main()
