"""A class on one machine: browser sessions that click at the same time, each on a run of its own.

    python benchmarks/classroom.py [--sessions 30] [--pause 5] [--seconds 60] [--runs 40] [--json]

Starts a dashboard on a home folder of its own, filled with finished runs (made-up numbers in tables of the real size),
and speaks streamlit's protocol over real websockets. A click is a page that is opened or another metric that is chosen.
Printed for each page: processor seconds of the server for a rerun, one session alone (`alone`, which does not depend on
what else the machine does); then, with all sessions, how long clicks take until the script has ended (median, 95th
percentile, longest), the server's processor time for a click, its memory after the first quarter and at the end, and
how many answers held something of another session's run (must be 0). `--pause 0` clicks without pause.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from fake_runs import finished_run

from lab.experiments.separability.request import ProbeRequest
from lab.ui.server import Served, served

PAGES = ("overview", "separability", "embedding_maps", "compare", "how_layers_build", "break_the_stack", "attributions",
         "channels", "train_and_watch", "models", "runs")  # fmt: skip
OF_A_RUN = ("separability", "embedding_maps")
LAYERS = tuple(f"blocks.{number}" for number in range(18))
METRICS = ("Accuracy", "AUC", "Log loss", "Accuracy")
ALONE = 8  # reruns of each page by one session


@dataclass
class Session:
    """One browser tab: its websocket, its run, and the widgets and pages it has been sent."""

    socket: ClientConnection
    run: str
    marker: str
    pages: dict[str, str] = field(default_factory=dict)
    hashes: list[str] = field(default_factory=list)

    async def rerun(self, page: str, query: str = "", auto: bool = False) -> tuple[float, bytes]:
        """Ask for a page; return the seconds until its script has ended, and all that came meanwhile."""
        asked = BackMsg()
        asked.rerun_script.query_string = query
        asked.rerun_script.page_script_hash = self.pages.get(page, "")
        asked.rerun_script.page_name = "" if page in self.pages else page
        asked.rerun_script.cached_message_hashes.extend(self.hashes[-500:])
        asked.rerun_script.context_info.timezone = "UTC"
        began = time.perf_counter()
        await self.socket.send(asked.SerializeToString())
        came: list[bytes] = []
        while True:
            data = await self.socket.recv()
            assert isinstance(data, bytes)
            came.append(data)
            message = ForwardMsg.FromString(data)
            kind = message.WhichOneof("type")
            if message.hash and message.metadata.cacheable:
                self.hashes.append(message.hash)
            if kind == "navigation":
                self.pages = {at.url_pathname or "overview": at.page_script_hash for at in message.navigation.app_pages}
            if kind == "script_finished":
                return time.perf_counter() - began, b"".join(came)

    async def click(self, page: str) -> tuple[float, bytes]:
        """Open a page on this session's run."""
        return await self.rerun(page, f"run={self.run}" if page in OF_A_RUN else "")


async def opened(up: Served, run: str, marker: str) -> Session:
    """Return a session that has shown the overview."""
    url = f"{up.base.replace('http', 'ws')}/_stcore/stream"
    headers = {"Authorization": f"Bearer {up.token}"}
    socket = await connect(
        url, additional_headers=headers, subprotocols=["streamlit"], max_size=None, max_queue=None, proxy=None
    )  # type: ignore[arg-type]
    session = Session(socket, run, marker)
    await session.rerun("overview")
    return session


def markers(count: int) -> list[str]:
    """Return names of classes of which none is part of another or of anything the dashboard says."""
    return [f"zq{number:04d}x" for number in range(count)]


def filled(home: Path, runs: int, sessions: int) -> list[tuple[str, str]]:
    """Fill a home folder with finished runs; return those of the sessions, each with the marker that only it holds."""
    import fake_runs

    os.environ["FEATURE_LAB_HOME"] = str(home)
    fake_runs.LAYERS = LAYERS
    found = []
    for marker in markers(max(runs, sessions)):
        run = finished_run(ProbeRequest(classes=(f"{marker}a", f"{marker}b")), images=40)
        run.rename(f"Run of {marker}")
        found.append((run.id, marker))
    finished_run(ProbeRequest(), images=200)
    return found[:sessions]


async def alone(up: Served, server: psutil.Process, run: str, marker: str) -> dict[str, dict[str, float]]:
    """Return, for each page, processor and wall-clock milliseconds and kilobytes of one rerun."""
    session = await opened(up, run, marker)
    found = {}
    for page in PAGES:
        for _ in range(2):
            await session.click(page)
        before, walls, size = spent(server), [], 0
        for _ in range(ALONE):
            seconds, came = await session.click(page)
            walls.append(seconds)
            size += len(came)
        found[page] = {
            "cpu_ms": round(1000 * (spent(server) - before) / ALONE, 1),
            "wall_ms": round(1000 * statistics.median(walls), 1),
            "kilobytes": round(size / ALONE / 1000),
        }
    await session.socket.close()
    return found


async def together(up: Served, server: psutil.Process, own: list[tuple[str, str]], given: Any) -> dict[str, Any]:
    """Let all sessions click until the time is up; return what a click took and what it cost."""
    sessions = [await opened(up, run, marker) for run, marker in own]
    every = {marker.encode() for _, marker in own}
    waits: list[float] = []
    crossed = 0
    end = time.perf_counter() + given.seconds
    memory = {}

    async def work(session: Session, rng: random.Random) -> None:
        nonlocal crossed
        await asyncio.sleep(rng.random() * given.pause)
        while time.perf_counter() < end:
            page = rng.choice(PAGES)
            seconds, came = await session.click(page)
            waits.append(seconds)
            if page in OF_A_RUN:
                # The box of finished runs on the maps page names all runs; their class names stand nowhere else.
                text = came.replace(b"Run of ", b"")
                foreign = {marker for marker in every if marker + b"a" in text} - {session.marker.encode()}
                crossed += bool(foreign) or session.marker.encode() + b"a" not in text
            await asyncio.sleep(rng.uniform(0.8, 1.2) * given.pause)

    async def watch() -> None:
        await asyncio.sleep(given.seconds / 4)
        memory["quarter"] = server.memory_info().rss
        await asyncio.sleep(max(0.0, end - time.perf_counter()))
        memory["end"] = server.memory_info().rss

    before, began = spent(server), time.perf_counter()
    await asyncio.gather(watch(), *(work(session, random.Random(n)) for n, session in enumerate(sessions)))
    cost, wall = spent(server) - before, time.perf_counter() - began
    for session in sessions:
        await session.socket.close()
    waits.sort()
    return {
        "sessions": len(sessions), "clicks": len(waits), "clicks_per_second": round(len(waits) / wall, 2),
        "median_s": round(statistics.median(waits), 3), "p95_s": round(waits[int(0.95 * len(waits))], 3),
        "worst_s": round(waits[-1], 3), "cpu_ms_per_click": round(1000 * cost / len(waits), 1),
        "cpu_share": round(cost / wall, 2), "memory_mb": {name: round(rss / 1e6) for name, rss in memory.items()},
        "crossed": crossed, "load_average": os.getloadavg()[0],
    }  # fmt: skip


def spent(server: psutil.Process) -> float:
    """Return the processor seconds of the server so far."""
    times = server.cpu_times()
    return times.user + times.system


def lines(found: dict[str, Any]) -> Iterator[str]:
    for page, row in found["alone"].items():
        yield f"{page:18s} {row['cpu_ms']:7.1f} ms processor {row['wall_ms']:7.1f} ms {row['kilobytes']:6d} kB"
    mean = statistics.mean(row["cpu_ms"] for row in found["alone"].values())
    yield f"{'mean':18s} {mean:7.1f} ms processor"
    for name, value in found["together"].items():
        yield f"{name}: {value}"


async def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=30)
    parser.add_argument("--pause", type=float, default=5.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        own = filled(Path(home), given.runs, given.sessions)
        with served() as up:
            server = psutil.Process(up.process.pid)
            found = {"alone": await alone(up, server, *own[0])}
            found["together"] = await together(up, server, own, given)
    print(json.dumps(found) if given.json else "\n".join(lines(found)))


if __name__ == "__main__":
    asyncio.run(main())
