"""What a second question about the same images costs: another seed, as a share of the first run (aim: at most 0.15).

    python benchmarks/rerun.py [FOLDER|SET] [--json]

Both runs are whole processes (`feature-lab probe`), in a home folder of their own; the second passes no image through
a network. The first run's own parts are printed beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def timed(data: str, seed: int, home: str) -> tuple[float, dict[str, Any]]:
    """Return the seconds of one probe process and its run's timings."""
    environment = {**os.environ, "FEATURE_LAB_HOME": home}
    command = [sys.executable, "-c", "import sys; from lab.cli import main; sys.exit(main())"]
    began = time.perf_counter()
    done = subprocess.run(
        [*command, "probe", "--data", data, "--seed", str(seed), "--json"],
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    seconds = time.perf_counter() - began
    run = Path(home) / "runs" / json.loads(done.stdout)["run"] / "run.json"
    return seconds, json.loads(run.read_text())["timings"]


def main() -> None:
    """Print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", default="drawn:pets")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        first, parts = timed(given.data, 0, home)
        seconds = sorted(timed(given.data, seed, home)[0] for seed in (1, 2, 3))
    found = {"first": round(first, 2), "second": round(seconds[1], 2), "ratio": round(seconds[1] / first, 3)}
    if given.json:
        print(json.dumps({**found, "parts_of_first": parts}))
    else:
        print(f"first {found['first']} s, another seed {found['second']} s (median of 3): ratio {found['ratio']}")
        print("parts of the first:", ", ".join(f"{name} {value:.1f} s" for name, value in parts.items()))


if __name__ == "__main__":
    main()
