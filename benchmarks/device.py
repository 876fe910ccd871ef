"""Everything that runs a network, on an accelerator and on the CPU: how far apart, and how quick each is.

    python benchmarks/device.py                       # on whatever accelerator is there; without one the CPU twice
    python benchmarks/device.py --seconds 300 --model test_resnet@untrained

Prints lines of JSON and ends by itself: after `--seconds` nothing new is begun. `apart` is the largest difference of
any number of a question's tables, relative to the column's largest (1e-4 is what float32 should keep; accuracies move
in steps of one image). Exit code 1 when vectors are further apart than that.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch

from lab.activations import Extractor
from lab.models import load_model
from lab.models.devices import pick_device
from lab.registry import EXPERIMENTS
from lab.settings import Compute

WITHIN = 1e-4
SMALL = {"data": "drawn:pets", "per_class": 20}
QUESTIONS: dict[str, dict[str, Any]] = {
    "attribute": {"method": "all", "steps": 8, "target": "0", "checks": False},
    "inversion": {"most_layers": 2, "starts": 2, "steps": 10},
    "field": {"pictures": 2, "draws": 1, "twins": 2},
    "visualize": {**SMALL, "channels": "top:1", "size": 96, "steps": 32, "count": 1},
    "exemplars": {**SMALL, "channels": "top:2"},
    "channel": {**SMALL, "size": 64, "steps": 16, "count": 2},
    "tuning": {"draws": 4, "twins": 2},
    "break": {**SMALL, "only": "drop,permute"},
    "late_layers_only": SMALL,
    "without_activations": SMALL,
    "attribution_score": {"method": "gradcam,layer_ig", "images": 2, "per_class": 10, "layers": "stages", "steps": 8},
    "train": {"model": "test_resnet", "per_class": 60, "epochs": 1, "size": 64, "name": "bench"},
    "probe": {**SMALL, "repeats": 1, "controls": []},
}


def main() -> int:
    """Measure vectors, then question after question as long as there is time."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="tf_efficientnet_lite0@packaged")
    parser.add_argument("--device", default="", help="default: the accelerator that torch finds")
    parser.add_argument("--seconds", type=float, default=400)
    given = parser.parse_args()
    found = torch.accelerator.current_accelerator(check_available=True)
    device = pick_device(given.device or (found.type if found is not None else "cpu"))
    began = time.monotonic()
    said = "no accelerator here: the CPU against itself" if device == "cpu" else ""
    tell(device=device, torch=torch.__version__, load=os.getloadavg()[0], said=said)
    worst = vectors(given.model, device)
    for name, fields in QUESTIONS.items():
        if time.monotonic() - began > given.seconds:
            tell(question=name, left_out="no time left")
            continue
        own = {"models" if name == "probe" else "model": [given.model] if name == "probe" else given.model}
        here, there = (answer(name, {**own, **fields}, where) for where in ("cpu", device))
        tell(question=name, cpu=here[1], device=there[1], apart=apart(here[0], there[0]))
    tell(seconds=time.monotonic() - began, vectors_apart=worst, within=worst <= WITHIN)
    return int(worst > WITHIN)


def vectors(model: str, device: str) -> float:
    """Tell images a second at every batch size and precision; return how far single precision is from the CPU's."""
    on_cpu = load_model(model)
    layers, size = on_cpu.layers, on_cpu.preprocessing.input_size
    images = torch.randint(0, 256, (32, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    expected, worst = Extractor(on_cpu, layers)(images), 0.0
    for precision in ("", "+bfloat16", "+float16"):
        extract = Extractor(load_model(f"{on_cpu.ref}{precision}", device=device), layers)
        off = {name: gap(expected[name], rows) for name, rows in extract(images).items()}
        worst = max(off.values()) if not precision else worst
        layer = max(off, key=lambda name: off[name])
        tell(
            vectors=precision or "float32", apart=off[layer], at=layer, last=off[layers[-1].name],
            images_per_second=dict(speeds(extract, images, (16, 64, 256) if device != "cpu" else (16,))),
        )  # fmt: skip
    extract = Extractor(load_model(model, device=device), layers)
    tell(batch_by_itself=extract.batch_for(0))
    return worst


def speeds(extract: Extractor, images: torch.Tensor, sizes: tuple[int, ...]) -> Iterator[tuple[int, float]]:
    """Yield images a second for batches of several sizes, hooks and copies back included."""
    for size in sizes:
        batch = images.repeat(-(-size // len(images)), 1, 1, 1)[:size]
        extract(batch)
        began, passes = time.perf_counter(), 0
        while time.perf_counter() - began < 2:
            extract(batch)
            passes += 1
        yield size, passes * size / (time.perf_counter() - began)


def answer(name: str, fields: dict[str, Any], device: str) -> tuple[Mapping[str, pd.DataFrame], float]:
    """Return a question's tables and how long it took, in a home folder of its own."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["FEATURE_LAB_HOME"] = home
        asked = EXPERIMENTS[name].request_type.from_dict(fields)
        began = time.perf_counter()
        found = EXPERIMENTS[name].run(asked, compute=Compute(device), partial_results={}, progress=lambda *_: None)
        return found.tables, time.perf_counter() - began


def apart(here: Mapping[str, pd.DataFrame], there: Mapping[str, pd.DataFrame]) -> dict[str, float]:
    """Return the largest difference in each table, and at which column; timings are no numbers of an answer."""
    found = {}
    for name, table in here.items():
        other = there[name]
        if len(table) != len(other):
            found[f"{name}: rows"] = float(abs(len(table) - len(other)))
            continue
        numbers = [column for column in table.select_dtypes("number") if "second" not in str(column)]
        off = {column: gap(table[column].to_numpy(float), other[column].to_numpy(float)) for column in numbers}
        if name == "maps":
            mine, theirs = (np.frombuffer(b"".join(one["array"]), np.float32) for one in (table, other))
            off["array"] = gap(mine, theirs)
        if off:
            worst = max(off, key=lambda column: off[column])
            found[f"{name}.{worst}"] = off[worst]
    return found


def gap(one: np.ndarray, other: np.ndarray) -> float:
    """Return the largest difference, relative to the largest value; what is finite in one only is infinitely apart."""
    both = np.isfinite(one) & np.isfinite(other)
    if (np.isfinite(one) != np.isfinite(other)).any():
        return float("inf")
    return float(np.abs(one - other)[both].max(initial=0.0) / max(np.abs(one)[both].max(initial=0.0), 1e-30))


def tell(**values: Any) -> None:
    """Print a line of JSON, numbers in four digits."""
    print(json.dumps(json.loads(json.dumps(values), parse_float=lambda text: float(f"{float(text):.4g}"))), flush=True)


if __name__ == "__main__":
    sys.exit(main())
