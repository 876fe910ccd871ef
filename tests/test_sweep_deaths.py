"""Sweeps whose units, workers and drivers die: the tables are those of a sweep that nothing happened to."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import psutil
import pytest
from sweep_work import NETWORKS, plan, tries

import lab
from lab.files import read_json
from lab.runs.store import list_runs
from lab.sweeps import slurm_engine
from lab.sweeps.engines import ENGINES, Engine

Digest = Callable[..., str]
pytestmark = pytest.mark.usefixtures("light_units")


@pytest.mark.parametrize("act", ["raise", "die"])
def test_a_poisoned_unit_is_set_aside_after_three_tries_and_the_others_are_finished(
    act: str, undisturbed: Digest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEATURE_LAB_TEST_POISON", f"{act} {NETWORKS[1]}")
    found = lab.sweep(plan(seeds=1), engine="here" if act == "raise" else "local", workers=2)
    # Dying beside another unit counts against neither: it is tried again alone first.
    assert tries(NETWORKS[1]) in ((3,) if act == "raise" else (3, 4))
    assert list(found.set_aside["network"]) == [NETWORKS[1]]
    assert {len(words) for words in found.failures.values()} == {3}
    assert ("a poisoned unit" if act == "raise" else "ended without a word") in found.set_aside["reason"].iloc[0]
    coverage = found["coverage"].set_index("network")
    assert list(coverage["finished"]) == [1, 0, 1, 1]
    assert list(coverage["set_aside"]) == [0, 1, 0, 0]
    assert NETWORKS[1] not in set(found["layers"]["network"])
    monkeypatch.delenv("FEATURE_LAB_TEST_POISON")
    assert lab.sweep(plan(seeds=1), engine="here").digest == undisturbed(plan(seeds=1))


def test_killing_workers_changes_nothing(undisturbed: Digest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEATURE_LAB_TEST_SECONDS", "0.3")
    over, killed = threading.Event(), []

    def killer() -> None:
        while not over.wait(0.2) and len(killed) < 2:
            at_work = {run.path / "worker.json" for run in list_runs() if run.status == "running"} - set(killed)
            for file in sorted(at_work)[:1]:
                killed.append(file)
                os.kill(int(read_json(file)["pid"]), signal.SIGKILL)

    thread = threading.Thread(target=killer)
    thread.start()
    found = lab.sweep(plan(), workers=2)
    over.set()
    thread.join()
    assert killed
    assert found.digest == undisturbed(plan())


def test_killing_the_driver_leaves_no_process_and_it_goes_on(
    undisturbed: Digest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEATURE_LAB_TEST_SECONDS", "0.4")
    code = (
        "import functools, sweep_work, lab\nfrom lab.sweeps import drive\nfrom lab.sweeps.setup import Setup\n"
        "drive.Setup = functools.partial(Setup, work=sweep_work.light)\nlab.sweep(sweep_work.plan(), workers=2)\n"
    )
    done = 0
    while done < 2:  # of eight units
        driver = subprocess.Popen([sys.executable, "-c", code])
        wait_for_more_than(done, driver)
        family = psutil.Process(driver.pid).children(recursive=True)
        driver.kill()
        driver.wait()
        _, alive = psutil.wait_procs(family, timeout=15)
        assert not alive
        assert finished() > done
        done = finished()
    monkeypatch.setenv("FEATURE_LAB_TEST_SECONDS", "0")
    assert lab.sweep(plan(), engine="here").digest == undisturbed(plan())


def finished() -> int:
    return sum(run.status == "finished" for run in list_runs())


def wait_for_more_than(done: int, driver: subprocess.Popen[bytes], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while finished() <= done and driver.poll() is None:
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.mark.parametrize("act", ["none", "die"])
def test_jobs_of_submitit_give_the_same_tables_and_one_that_dies_is_set_aside(
    act: str, undisturbed: Digest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With submitit's own executor for one machine, in the place of Slurm."""
    jobs_here = functools.partial(slurm_engine.run, cluster="local")
    monkeypatch.setitem(ENGINES, "slurm", Engine("slurm", "", jobs_here))
    monkeypatch.setattr(slurm_engine, "POLL_SECONDS", 0.1)
    before = dict(os.environ)
    if act == "none":
        two = plan(seeds=1, networks=NETWORKS[:2])
        found = lab.sweep(two, engine="slurm", workers=2)
        assert found.digest == undisturbed(two)
        assert os.environ == before
        return
    monkeypatch.setattr("submitit.Job._results_timeout_s", 0.5)  # for answers of dead jobs to come over a slow folder
    monkeypatch.setenv("FEATURE_LAB_TEST_POISON", f"die {NETWORKS[1]}")
    found = lab.sweep(plan(seeds=1, networks=NETWORKS[:2]), engine="slurm", workers=2)
    assert tries(NETWORKS[1]) == 3
    assert list(found.set_aside["network"]) == [NETWORKS[1]]
