"""Sweeps: any engine, any order, any number of deaths, and the tables are the same to the last bit."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import sweep_work
from filelock import FileLock
from sweep_work import NETWORKS, here, light, made_up, plan, tries

import lab
from lab.cli import main
from lab.encode import from_csv
from lab.errors import LabError
from lab.experiments.separability.request import ProbeRequest
from lab.files import read_json
from lab.registry import EXPERIMENTS
from lab.runs import jobs
from lab.runs.store import list_runs
from lab.sweeps import drive, slurm_engine
from lab.sweeps.columns import SWEEP
from lab.sweeps.engines import ENGINES, Engine
from lab.sweeps.plan import Unit, read_plan
from lab.sweeps.setup import Ended, Setup
from lab.sweeps.tables import run_of

Digest = Callable[..., str]


@pytest.fixture(autouse=True)
def light_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """Units of every engine are light; what `light` takes away in this process is given back."""
    monkeypatch.setattr(jobs, "pick_device", str)
    monkeypatch.setattr(ProbeRequest, "check", lambda self, cards=None: None)
    monkeypatch.setitem(EXPERIMENTS, "probe", dataclasses.replace(EXPERIMENTS["probe"], run=made_up))
    monkeypatch.setattr(drive, "Setup", lambda *given: Setup(*given, work=light))
    monkeypatch.setitem(ENGINES, "here", Engine("here", "in this process", here))


@pytest.fixture
def undisturbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Digest:
    """Gives the digest of the tables of a sweep that nothing happened to, computed in another home folder."""

    def digest(seeds: int = 2, networks: Sequence[str] = NETWORKS) -> str:
        with monkeypatch.context() as other:
            other.setenv("FEATURE_LAB_HOME", str(tmp_path / "undisturbed"))
            other.delenv("FEATURE_LAB_TEST_SECONDS", raising=False)
            return lab.sweep(plan(seeds, networks), engine="here").digest

    return digest


def test_every_column_is_described() -> None:
    found = lab.sweep(plan(), engine="here")
    assert {name: list(table.columns) for name, table in found.tables.items()} == {
        name: list(table.columns) for name, table in SWEEP.items()
    }
    assert all(len(table) for table in found.tables.values())


def test_numbers_over_seeds_are_those_of_the_units() -> None:
    found = lab.sweep(plan(seeds=3), engine="here")
    for row in found["layers"].itertuples():
        own = found["scores"].query("network == @row.network and layer == @row.layer")["accuracy"]
        assert len(own) == row.finished == row.planned == 3
        assert row.accuracy == pytest.approx(own.mean(), abs=1e-12)
        assert row.spread == pytest.approx(own.std(ddof=1), abs=1e-12)
    assert found.finished == 12
    best = found["coverage"].set_index("network")["best_accuracy"]
    assert all(best[network] == found["layers"].query("network == @network")["accuracy"].max() for network in NETWORKS)


@pytest.mark.parametrize("order", ["backwards", "each twice", "at random"])
def test_any_order_and_any_repetition_gives_the_same_tables(
    order: str, undisturbed: Digest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disordered(units: Sequence[Unit], setup: Setup) -> Iterator[Ended]:
        mixed = {"backwards": units[::-1], "each twice": [*units, *units]}.get(order)
        return here(mixed or random.Random(1).sample(units, len(units)), setup)

    monkeypatch.setitem(ENGINES, "here", Engine("here", "", disordered))
    assert lab.sweep(plan(), engine="here").digest == undisturbed()


def test_the_local_engine_gives_the_same_tables_and_computes_nothing_twice(undisturbed: Digest) -> None:
    assert lab.sweep(plan(), workers=2).digest == undisturbed()
    assert [tries(network) for network in NETWORKS] == [2, 2, 2, 2]
    assert lab.sweep(plan(), workers=2).digest == undisturbed()
    assert [tries(network) for network in NETWORKS] == [2, 2, 2, 2]


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
    assert lab.sweep(plan(seeds=1), engine="here").digest == undisturbed(seeds=1)


def test_some_seeds_set_aside_stand_beside_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    lab.sweep(plan(seeds=2), engine="here")
    monkeypatch.setenv("FEATURE_LAB_TEST_POISON", f"raise {NETWORKS[0]}")
    here_ = lab.sweep(plan(seeds=3), engine="here")["layers"].query("network == @NETWORKS[0]")
    assert set(here_["finished"]) == {2}
    assert set(here_["planned"]) == {3}


def test_nothing_finished_is_an_error_that_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEATURE_LAB_TEST_POISON", f"raise {NETWORKS[0]}")
    with pytest.raises(LabError, match=r"no unit of light has a result.*a poisoned unit"):
        lab.sweep(plan(networks=NETWORKS[:1]), engine="here")


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
    assert found.digest == undisturbed()


def test_killing_the_driver_leaves_no_process_and_it_goes_on(
    undisturbed: Digest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEATURE_LAB_TEST_SECONDS", "0.4")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(sweep_work.__file__).parent), *sys.path]))
    code = (
        "import functools, sweep_work, lab\nfrom lab.sweeps import drive\nfrom lab.sweeps.setup import Setup\n"
        "drive.Setup = functools.partial(Setup, work=sweep_work.light)\nlab.sweep(sweep_work.plan(), workers=2)\n"
    )
    done = 0
    while done < 3:  # of eight units
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
    assert lab.sweep(plan(), engine="here").digest == undisturbed()


def finished() -> int:
    return sum(run.status == "finished" for run in list_runs())


def wait_for_more_than(done: int, driver: subprocess.Popen[bytes], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while finished() <= done and driver.poll() is None:
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_what_another_driver_computes_is_waited_for(undisturbed: Digest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lock is held elsewhere: no try of this driver counts against it, and it is not computed beside."""
    monkeypatch.setattr(drive, "POLL_SECONDS", 0.01)
    run = run_of(plan().units[0])
    run.path.mkdir(parents=True)
    lock = FileLock(run.path / "lock", thread_local=False)
    lock.acquire()
    rounds = []

    def counting(units: Sequence[Unit], setup: Setup) -> Iterator[Ended]:
        rounds.append(len(units))
        if len(rounds) == 6:
            lock.release()
        yield from here(units, setup)

    monkeypatch.setitem(ENGINES, "here", Engine("here", "", counting))
    found = lab.sweep(plan(), engine="here")
    assert rounds == [8, 1, 1, 1, 1, 1]
    assert found.digest == undisturbed()
    assert not found.failures


def test_a_damaged_unit_is_computed_anew(undisturbed: Digest) -> None:
    lab.sweep(plan(), engine="here")
    table = run_of(plan().units[3]).path / "tables" / "summary.parquet"
    table.write_bytes(table.read_bytes()[:-1])
    assert lab.sweep(plan(), engine="here").digest == undisturbed()


def test_units_that_share_a_pass_come_after_it() -> None:
    values = {"networks": list(NETWORKS[:2]), "images": ["drawn:pets"], "layers": ["stages", "blocks"], "seeds": [0, 1]}
    ordered = drive._passes_first(read_plan(values).units)
    assert len(ordered) == 8
    assert len({unit.reads for unit in ordered[:4]}) == 4


def test_two_cells_that_ask_the_same_are_computed_once() -> None:
    values = {"networks": [NETWORKS[0]], "images": ["drawn:pets"], "probes": [{"name": "a"}, {"name": "b", "folds": 5}]}
    found = lab.sweep(values, engine="here")
    assert tries(NETWORKS[0]) == 1
    assert found.finished == 2
    numbers = found["scores"].pivot_table(index="layer", columns="probe", values="accuracy")
    assert np.array_equal(numbers["a"], numbers["b"])


def test_an_engine_and_a_number_of_workers_must_be_there() -> None:
    with pytest.raises(LabError, match="no engine 'locl'; nearest: local"):
        lab.sweep(plan(), engine="locl")
    with pytest.raises(LabError, match="workers is 0"):
        lab.sweep(plan(), workers=0)


@pytest.mark.parametrize("act", ["none", "die"])
def test_jobs_of_submitit_give_the_same_tables_and_one_that_dies_is_set_aside(
    act: str, undisturbed: Digest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With submitit's own executor for one machine, in the place of Slurm."""
    jobs_here = functools.partial(slurm_engine.run, cluster="local")
    monkeypatch.setitem(ENGINES, "slurm", Engine("slurm", "", jobs_here))
    monkeypatch.setattr(slurm_engine, "POLL_SECONDS", 0.1)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(sweep_work.__file__).parent), *sys.path]))
    before = dict(os.environ)
    if act == "none":
        two = plan(seeds=1, networks=NETWORKS[:2])
        found = lab.sweep(two, engine="slurm", workers=2)
        assert found.digest == undisturbed(seeds=1, networks=NETWORKS[:2])
        assert os.environ == before
        return
    monkeypatch.setattr("submitit.Job._results_timeout_s", 0.5)  # for answers of dead jobs to come over a slow folder
    monkeypatch.setenv("FEATURE_LAB_TEST_POISON", f"die {NETWORKS[1]}")
    found = lab.sweep(plan(seeds=1, networks=NETWORKS[:2]), engine="slurm", workers=2)
    assert tries(NETWORKS[1]) == 3
    assert list(found.set_aside["network"]) == [NETWORKS[1]]


def test_without_slurm_the_engine_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(LabError, match="needs Slurm on this machine"):
        lab.sweep(plan(), engine="slurm")


def test_without_ray_the_engine_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(LabError, match=r"pip install 'feature-hierarchy-lab\[ray\]'"):
        lab.sweep(plan(), engine="ray")


def test_the_command_line_lists_shows_writes_and_prints_what_it_computed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plan.toml").write_text(f"networks = {json.dumps(NETWORKS)}\nimages = ['drawn:pets']\nseeds = [0, 1]\n")
    file, out = str(tmp_path / "plan.toml"), tmp_path / "out"
    assert main(["sweep", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    monkeypatch.setenv("FEATURE_LAB_TEST_POISON", f"raise {NETWORKS[1]}")
    assert main(["sweep", file, "--engine", "here", "--json", "--out", str(out)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["finished"], told["planned"]) == (6, 8)
    assert read_json(out / "sweep.json")["plan"] == told["plan"]
    for name, rows in told["tables"].items():
        assert len(pd.read_parquet(out / "tables" / f"{name}.parquet")) == len(rows)
        assert len(from_csv((out / f"{name}.csv").read_bytes())) == len(rows)
    assert main(["sweep", file, "--show"]) == 0
    shown = capsys.readouterr()
    assert NETWORKS[1] in shown.out
    assert "6 of 8 units are finished" in shown.err
    assert "2 units" in shown.err
    assert "a poisoned unit" in shown.err
    assert tries(NETWORKS[1]) == 6
    assert main(["sweep", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert listed == {"sweep": told["sweep"], "name": "plan", "finished": 6, "planned": 8}
