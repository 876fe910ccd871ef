"""How far a run is, in a file that others read; and how long there has been no news of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.files import write_json
from lab.runs.pace import Pace
from lab.runs.processes import process_stopped, steady_seconds

QUEUED_STAGE = "Waiting for another run to finish"
QUIET_SECONDS = 20.0  # a run under way that has said nothing for so long says so; most steps take less


class ProgressFile:
    """A `Progress` that keeps its last state in a file, at most five times a second and at every new stage.

    `pace` knows how long stages took before, so that the file says how far the whole run is.
    """

    def __init__(self, path: Path, pace: Pace | None = None) -> None:
        self.path, self.pace = path, pace or Pace()
        self.began = self.stage_began = steady_seconds()
        self.stage, self.first, self.total, self.written = "", 0, 0, 0.0

    def __call__(self, stage: str, done: int, total: int, unit: str) -> None:
        now = steady_seconds()
        if stage != self.stage:
            self._next(stage, now)
            self.first, self.written = done, 0.0
        self.total = total
        if now - self.written < 0.2 and done < total:
            return
        self.written = now
        seconds = now - self.stage_began
        share, left = self.pace.estimate(done, total, seconds)
        write_json(
            self.path,
            {
                "stage": stage,
                "done": done,
                "total": total,
                "unit": unit,
                "rate": (done - self.first) / seconds if seconds > 0.2 and done > self.first else None,
                "step": self.pace.step(),
                "share": share,
                "seconds_left": left,
                "elapsed": now - self.began,
                "steady": now,
            },
            durable=False,
        )

    def finished(self) -> None:
        """Keep what the stages took, for the next run of the question."""
        self._next("", steady_seconds())
        self.pace.keep()

    def _next(self, stage: str, now: float) -> None:
        if self.stage and not self.stage.startswith(QUEUED_STAGE):
            self.pace.ended(self.stage, self.total, now - self.stage_began)
        if stage.startswith(QUEUED_STAGE) != self.stage.startswith(QUEUED_STAGE):
            self.began = now  # waiting is no work
        self.stage, self.stage_began = stage, now
        self.pace.entered(stage)


def silence(progress: Mapping[str, Any], pid: Any) -> str:
    """Return "no news for 34 s" when work by process `pid` has said nothing for a while, and whether it is stopped.

    "" while there is news. Asks no wall clock, so a step of it changes nothing.
    """
    at = progress.get("steady")
    seconds = steady_seconds() - at if isinstance(at, (int, float)) else 0.0
    if seconds < QUIET_SECONDS:
        return ""
    if isinstance(pid, int) and process_stopped(pid):
        return f"no news for {seconds:.0f} s: its process is stopped; let it go on (`fg`), or cancel the run"
    return f"no news for {seconds:.0f} s"
