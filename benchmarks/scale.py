"""What engines cost and whether deaths change anything: the figures of docs/scale.md.

    python benchmarks/scale.py speed      # real units: one worker against two, and processor time for each
    python benchmarks/scale.py engines    # units that only wait: what each engine adds to them
    python benchmarks/scale.py memory     # peak memory of 500 and 10,000 images, probed out of sums and as usual
    python benchmarks/scale.py shards     # the same of noise of 8 x 8 pixels in tar shards of 5,000, out of sums
    python benchmarks/scale.py sums       # what is held of a layer of 2,048 dimensions and 100 classes
    python benchmarks/scale.py deaths     # a Ray cluster of 3 nodes × 1 core: 20 nodes and 10 drivers killed

Each prints lines of JSON. Home folders are temporary.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import json
import os
import random
import secrets
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]  # the units that only wait are those of the tests

import sweep_work  # noqa: E402

import lab  # noqa: E402
from lab.sweeps import drive  # noqa: E402
from lab.sweeps.attempt import attempt  # noqa: E402
from lab.sweeps.setup import Setup  # noqa: E402
from lab.weights.own_code import code_allowed  # noqa: E402

SMALL = [f"test_{name}@untrained" for name in ("resnet", "efficientnet", "convnext", "vit", "byobnet", "mambaout")]
REAL = {"networks": SMALL, "images": [{"data": "drawn:pets", "per_class": 40}], "seeds": [0, 1, 2]}
SHARD = 5000  # images
NODE = {"num_cpus": 1, "object_store_memory": 80_000_000}


def timed(request: dict[str, Any], device: str, batch_size: int) -> str:
    """`attempt`, noting the processor time that its unit took."""
    began = time.process_time()
    word = attempt(request, device, batch_size)
    with Path(os.environ["FEATURE_LAB_TEST_TIMES"]).open("a") as log:
        log.write(f"{time.process_time() - began}\n")
    return word


@contextlib.contextmanager
def fresh_home(work: Any, **environment: str) -> Iterator[Path]:
    """A home folder of its own, and units that do `work`."""
    with tempfile.TemporaryDirectory() as home:
        log = {"FEATURE_LAB_HOME": home, "FEATURE_LAB_TEST_TIMES": f"{home}/times.log"}
        os.environ |= log | environment | {"PYTHONPATH": os.pathsep.join(sys.path)}
        drive.Setup = functools.partial(Setup, work=work)  # type: ignore[assignment, misc]
        yield Path(home)


class Clock:
    """A progress that notes when units were finished."""

    def __init__(self) -> None:
        self.began, self.at = time.monotonic(), list[float]()

    def __call__(self, stage: str, done: int, total: int, unit: str) -> None:
        self.at += [time.monotonic() - self.began]

    @property
    def steady(self) -> float:
        """Units a second from the first to the last that was finished: without the start of processes."""
        return (len(self.at) - 2) / (self.at[-1] - self.at[1])


def speed(_: argparse.Namespace) -> None:
    """One one-thread worker against two, on real units."""
    for workers in (1, 2, 1, 2):
        with fresh_home(timed) as home:
            clock = Clock()
            found = lab.sweep(REAL, workers=workers, progress=clock)
            seconds = [float(line) for line in (home / "times.log").read_text().split()]
        tell(
            workers=workers, units=len(seconds), wall=clock.at[-1], processor=sum(seconds), steady=clock.steady,
            digest=found.digest[:12], load=os.getloadavg()[0],
        )  # fmt: skip


def engines(_: argparse.Namespace) -> None:
    """What an engine adds to units that wait half a second."""
    for engine, workers in (("local", 1), ("local", 2), ("ray", 2)) * 2:
        with fresh_home(sweep_work.light, FEATURE_LAB_TEST_SECONDS="0.5"):
            clock = Clock()
            found = lab.sweep(sweep_work.plan(seeds=12), engine=engine, workers=workers, progress=clock)
        tell(
            engine=engine, workers=workers, units=48, start=clock.at[1], wall=clock.at[-1], steady=clock.steady,
            digest=found.digest[:12], load=os.getloadavg()[0],
        )  # fmt: skip


def network(first: int = 64, second: int = 256) -> str:
    """Return a small network as code: two convolutions of so many channels."""
    return f"""
import torch
from torch import nn

def small():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, {first}, 3, 2, 1), nn.ReLU(), nn.Conv2d({first}, {second}, 3, 2, 1), nn.ReLU()]
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear({second}, 2))
    network.pretrained_cfg = {{"input_size": (3, 32, 32), "mean": (0.5,) * 3, "std": (0.5,) * 3, "crop_pct": 1.0}}
    return network
"""


def memory(given: argparse.Namespace) -> None:
    """Peak resident memory of a process that probes noise, by images and by question."""
    import numpy as np
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        place, rng = Path(folder), np.random.default_rng(0)
        (place / "network.py").write_text(network())
        for number in range(given.images):
            path = place / "images" / ("ab"[number % 2]) / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
        for question in ("many_images", "probe"):
            for count in (500, given.images):
                words = [sys.executable, __file__, "peak", "--question", question, "--images", str(count)]
                with tempfile.TemporaryDirectory() as home:
                    where = {"FEATURE_LAB_HOME": home, "FEATURE_LAB_TEST_FOLDER": folder}
                    subprocess.run(words, env={**os.environ, **where}, check=True)


def shards(given: argparse.Namespace) -> None:
    """Peak resident memory of a process that probes noise in shards, out of sums."""
    import numpy as np
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        place, rng = Path(folder), np.random.default_rng(0)
        (place / "network.py").write_text(network())
        for count in (500, given.images):
            (place / "images").mkdir(exist_ok=True)
            for first in range(0, count, SHARD):
                with tarfile.open(place / "images" / f"{first:09d}.tar", "w") as archive:
                    for number in range(first, min(first + SHARD, count)):
                        stream = io.BytesIO()
                        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(stream, "PNG")
                        for ending, data in (("png", stream.getvalue()), ("cls", str(number % 2).encode())):
                            info = tarfile.TarInfo(f"{number:09d}.{ending}")
                            info.size = len(data)
                            archive.addfile(info, io.BytesIO(data))
            words = [sys.executable, __file__, "peak", "--question", "many_images", "--images", str(count)]
            with tempfile.TemporaryDirectory() as home:
                where = {"FEATURE_LAB_HOME": home, "FEATURE_LAB_TEST_FOLDER": folder, "FEATURE_LAB_TEST_WHOLE": "1"}
                subprocess.run(words, env={**os.environ, **where}, check=True)


class Noise:
    """The vectors of a layer, made as they are read."""

    def __init__(self, images: int, width: int) -> None:
        self.images, self.width = images, width

    def chunks(self, _: str) -> Iterator[tuple[Any, Any]]:
        import numpy as np

        for first in range(0, self.images, 1000):
            drawn = np.random.default_rng(first).standard_normal((1000, self.width), dtype=np.float32)
            yield np.arange(first, first + 1000), drawn


def sums(given: argparse.Namespace) -> None:
    """The most that numpy holds at once while a layer of 100 classes is read out of sums."""
    import tracemalloc

    import numpy as np

    from lab.experiments.other_probes import many_images

    labels = np.arange(given.images) % 100
    for width in (512, 2048):
        tracemalloc.start()
        peaks = []
        vectors, folds = Noise(given.images, width), np.arange(given.images) // 100 % 5
        parts = many_images._sums(vectors, "", np.stack([labels, labels[::-1]]), folds, 100)
        peaks.append(tracemalloc.get_traced_memory()[1] / 1e6)
        del parts
        tracemalloc.reset_peak()
        many_images._read(vectors, "", np.stack([labels, labels[::-1]]), folds, 100)
        peaks.append(tracemalloc.get_traced_memory()[1] / 1e6)
        tracemalloc.stop()
        tell(width=width, images=given.images, adding_up_mb=peaks[0], all_mb=peaks[1])


def peak(given: argparse.Namespace) -> None:
    """One process of `memory`."""
    import resource

    folder = os.environ["FEATURE_LAB_TEST_FOLDER"]
    file = Path(folder, "network.py")
    whole = "FEATURE_LAB_TEST_WHOLE" in os.environ
    how = {"data": f"{folder}/images", "per_class": None if whole else given.images // 2, "layers": "0,2"}
    own = {"repeats": 1, "folds": 5, "controls": ["shuffled"]} if given.question == "probe" else {}
    named = {"models": [f"module:{file}:small"]} if given.question == "probe" else {"model": f"module:{file}:small"}
    began = time.monotonic()
    with code_allowed([file]):
        found = lab.ask(given.question, **named, **how, **own)
    tell(
        question=given.question, images=given.images, seconds=time.monotonic() - began,
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000, findings=found.findings[:1],
        load=os.getloadavg()[0],
    )  # fmt: skip


def deaths(given: argparse.Namespace) -> None:
    """Nodes of a Ray cluster, then drivers, killed while they work; the tables against those of no deaths."""
    plan, draw, killed = sweep_work.plan(seeds=12), random.Random(1), 0
    with fresh_home(sweep_work.light, FEATURE_LAB_TEST_SECONDS="0"):
        undisturbed = lab.sweep(plan, workers=2).digest
    with cluster() as made, fresh_home(sweep_work.light, FEATURE_LAB_TEST_SECONDS="0.5"):

        def killing(stage: str, done: int, total: int, unit: str) -> None:
            nonlocal killed
            if done and killed < given.nodes:
                made.remove_node(draw.choice(sorted(made.worker_nodes, key=lambda n: n.unique_id)), False)
                made.add_node(wait=False, **NODE)
                killed += 1

        found, again = lab.sweep(plan, engine="ray", progress=killing), 0
        while found.digest != undisturbed and again < 3:  # three deaths in a row set a unit aside: asked again
            found, again = lab.sweep(plan, engine="ray"), again + 1
        tell(nodes_killed=killed, asked_again=again, same=found.digest == undisturbed)
    with cluster(), fresh_home(sweep_work.light, FEATURE_LAB_TEST_SECONDS="0.5") as home:
        for _ in range(given.drivers):
            driver = subprocess.Popen([sys.executable, __file__, "drive"])
            before = finished(home)
            while finished(home) <= before and driver.poll() is None:
                time.sleep(0.05)
            time.sleep(draw.random())
            driver.kill()
            driver.wait()
        left = 48 - finished(home)
        same = lab.sweep(plan, engine="ray").digest == undisturbed
        tell(drivers_killed=given.drivers, units_left_then=left, same=same)


def drive_once(_: argparse.Namespace) -> None:
    """A driver to be killed."""
    drive.Setup = functools.partial(Setup, work=sweep_work.light)  # type: ignore[assignment, misc]
    lab.sweep(sweep_work.plan(seeds=12), engine="ray")


@contextlib.contextmanager
def cluster() -> Iterator[Any]:
    """A cluster of three nodes with one core each and a head without; asks for a token."""
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0"}
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(16))
    import ray
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={**NODE, "num_cpus": 0, "include_dashboard": False})
    try:
        for _ in range(3):
            made.add_node(wait=False, **NODE)
        made.wait_for_nodes()
        os.environ["RAY_ADDRESS"] = made.address
        yield made
    finally:
        ray.shutdown()
        made.shutdown()
        os.environ.pop("RAY_ADDRESS", None)


def finished(home: Path) -> int:
    """How many runs of a home folder are finished."""
    return len(list(home.glob("runs/*/run.json")))


def tell(**values: Any) -> None:
    """Print a line of JSON."""
    print(json.dumps({k: round(v, 3) if isinstance(v, float) else v for k, v in values.items()}), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    acts = {
        "shards": shards,
        "sums": sums,
        "speed": speed,
        "engines": engines,
        "deaths": deaths,
        "drive": drive_once,
        "memory": memory,
        "peak": peak,
    }
    parser.add_argument("what", choices=acts)
    parser.add_argument("--nodes", type=int, default=20, help="nodes to kill (default 20)")
    parser.add_argument("--drivers", type=int, default=10, help="drivers to kill (default 10)")
    parser.add_argument("--images", type=int, default=10_000, help="images of `memory` (default 10000)")
    parser.add_argument("--question", default="many_images", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    acts[chosen.what](chosen)
