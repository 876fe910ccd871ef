"""Kill writers at any instant and see whether anything was lost: no half of a run, no damaged run, no litter.

    python benchmarks/attack_kills.py [KILLS] [SEED]       200 kills by default, in about fifteen minutes on two cores

Three kinds of victims, a third of the kills each: one that finishes and reopens a run over and over, one that deletes
and restores it, and a worker that computes a run for good. After each kill the runs are read as anybody would; prints
one Markdown row a kind.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from lab.experiments.separability.request import ProbeRequest
from lab.files import TEMPORARY, read_json
from lab.registry import EXPERIMENTS
from lab.runs import jobs, trash
from lab.runs.store import list_runs, open_run, unreadable_runs
from lab.settings import runs_dir

REQUEST = ProbeRequest(
    models=("test_resnet@untrained",), data="drawn:pets", per_class=12, repeats=1, controls=(), layers="stages"
).canonical()
ROWS = 500
TABLES = ("summary", "layers", "images")
BEGINNING = f"""
import numpy as np, pandas as pd
from lab.experiments.result import Result
from lab.experiments.separability.request import ProbeRequest
from lab.runs import trash
from lab.runs.store import open_run
request = ProbeRequest(models=("test_resnet@untrained",), data="drawn:pets", per_class=12, repeats=1, controls=(),
                       layers="stages").canonical()
columns = dict(zip({TABLES!r}, ("accuracy", "depth", "image")))
def finish(number):
    run = open_run(request)
    run.partial_results["part"] = {{"values": np.arange(number % 7 + 1)}}
    tables = {{name: pd.DataFrame({{column: np.full({ROWS}, number)}}) for name, column in columns.items()}}
    run.finish(Result(request, tables, {{"sources": request.sources()}}))
    return run
finish(0)
print("ready", flush=True)
for number in range(10 ** 9):
"""
FINISHING = BEGINNING + "    finish(number).reopen()\n"
DELETING = BEGINNING + "    run = finish(number); trash.restore(run.delete()); run.delete(); trash.empty()\n"


def main() -> None:
    """Attack each kind of writer and print what was found."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    print("| Killed while | kills | whole results | none or unfinished | damaged | halves read | litter |")
    print("|---|---|---|---|---|---|---|")
    kinds: dict[str, Callable[[random.Random], None]] = {
        "writing results": lambda rng: kill_code(FINISHING, rng),
        "deleting and restoring": lambda rng: kill_code(DELETING, rng),
        "computing a run": kill_worker,
    }
    wrong = 0
    for number, (name, attack) in enumerate(kinds.items()):
        with tempfile.TemporaryDirectory() as home:
            os.environ["FEATURE_LAB_HOME"] = home
            count = kills // len(kinds) + (number < kills % len(kinds))
            found = attacked(attack, count, rng)
            wrong += found["damaged"] + found["halves"] + found["litter"]
            print(f"| {name} | {count} | " + " | ".join(str(value) for value in found.values()) + " |", flush=True)
    sys.exit(1 if wrong else 0)


def attacked(attack: Callable[[random.Random], None], kills: int, rng: random.Random) -> dict[str, int]:
    """Return what was found after each of `kills` attacks, in counts."""
    found = dict.fromkeys(("whole", "unfinished", "damaged", "halves", "litter"), 0)
    for _ in range(kills):
        attack(rng)
        runs = list_runs()
        found["damaged"] += len(unreadable_runs()) + sum(run.status == "damaged" for run in runs)
        for run in runs:
            if run.status != "finished":
                found["unfinished"] += 1
                continue
            tables = run.result().tables  # raises for a table that is not the one its manifest is about
            if len(tables) == len(TABLES):  # made up: all of one number
                whole = len({value for table in tables.values() for value in table.iloc[:, 0]}) == 1
            else:
                whole = set(tables) <= set(EXPERIMENTS["probe"].tables)
            found["whole" if whole else "halves"] += 1
        open_run(REQUEST)  # as whoever asks again does: it sweeps
        found["litter"] += sum(bool(TEMPORARY.fullmatch(path.name)) for path in runs_dir().glob("**/.*"))
        trash.empty()
    return found


def kill_code(code: str, rng: random.Random) -> None:
    """Start a writer and kill it 0 to 150 ms after it has begun."""
    writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()
    time.sleep(rng.uniform(0, 0.15))
    writer.kill()
    writer.communicate()


def kill_worker(rng: random.Random) -> None:
    """Start computing a run and kill the worker 0 to 12 s later, wherever it is then."""
    run = jobs.start(REQUEST)
    if run.status == "finished":
        run.reopen()
        run = jobs.start(REQUEST)
    pid = read_json(run.path / "worker.json")["pid"]
    deadline = time.monotonic() + rng.uniform(0, 12)
    while time.monotonic() < deadline and run.under_way:
        time.sleep(0.02)
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    while run.under_way:
        time.sleep(0.01)


if __name__ == "__main__":
    main()
