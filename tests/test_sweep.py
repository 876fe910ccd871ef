"""Sweeps: any engine, any order, any number of deaths, and the tables are the same to the last bit."""

from __future__ import annotations

import json
import random
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from sweep_work import NETWORKS, here, light, plan, tries

import lab
from lab.cli import main
from lab.encode import from_csv
from lab.errors import LabError
from lab.files import read_json
from lab.sweeps import drive, local_engine
from lab.sweeps.attempt import BUSY, FINISHED
from lab.sweeps.columns import SWEEP
from lab.sweeps.engines import ENGINES, Engine
from lab.sweeps.plan import Unit, read_plan
from lab.sweeps.setup import Ended, Setup
from lab.sweeps.tables import run_of, sweep_tables
from lab.threads import cores

Digest = Callable[..., str]
pytestmark = pytest.mark.usefixtures("light_units")


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
    assert lab.sweep(plan(), engine="here").digest == undisturbed(plan())


def test_the_local_engine_gives_the_same_tables_and_computes_nothing_twice(undisturbed: Digest) -> None:
    assert lab.sweep(plan(), workers=2).digest == undisturbed(plan())
    assert [tries(network) for network in NETWORKS] == [2, 2, 2, 2]
    assert lab.sweep(plan(), workers=2).digest == undisturbed(plan())
    assert [tries(network) for network in NETWORKS] == [2, 2, 2, 2]


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
    assert found.digest == undisturbed(plan())
    assert not found.failures


def test_a_damaged_unit_is_computed_anew(undisturbed: Digest) -> None:
    lab.sweep(plan(), engine="here")
    for unit, cut in ((plan().units[3], 1), (plan().units[4], 0)):
        table = run_of(unit).path / "tables" / "summary.parquet"
        table.write_bytes(table.read_bytes()[: -cut or None].replace(b"stem", b"step"))
    assert list(sweep_tables(plan())["units"]["status"][2:6]) == ["finished", "damaged", "damaged", "finished"]
    assert lab.sweep(plan(), engine="here").digest == undisturbed(plan())


def test_units_that_share_a_pass_come_after_it() -> None:
    values = {"networks": list(NETWORKS[:2]), "images": ["drawn:pets"], "layers": ["stages", "blocks"], "seeds": [0, 1]}
    ordered = drive._passes_first(read_plan(values).units)
    assert [unit.seed for unit in ordered] == [0, 0, 0, 0, 1, 1, 1, 1]
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


def test_a_worker_has_its_threads_and_the_home_folder_but_no_token(
    lab_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEATURE_LAB_TOKEN", "x" * 20)
    environment = Setup(threads=3).environment
    assert environment["FEATURE_LAB_HOME"] == str(lab_home)
    assert environment["OMP_NUM_THREADS"] == environment["FEATURE_LAB_THREADS"] == "3"
    assert "FEATURE_LAB_TOKEN" not in environment
    monkeypatch.setenv("FEATURE_LAB_THREADS", "3")
    assert cores() == 3
    monkeypatch.setenv("FEATURE_LAB_THREADS", "many")
    with pytest.raises(LabError, match="FEATURE_LAB_THREADS is 'many'"):
        cores()


@pytest.mark.parametrize(("free", "wanted", "workers"), [(10e9, None, 3), (2.5e9, None, 2), (0, None, 1), (0, 4, 4)])
def test_there_are_as_many_workers_as_there_is_room_for(
    free: float, wanted: int | None, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_engine, "cores", lambda: 6)
    monkeypatch.setattr(local_engine, "available_memory", lambda: int(free))
    pools = []

    def pool(waiting: deque[Unit], setup: Setup) -> Generator[Ended, None, list[Unit]]:
        pools.append(setup.workers)
        while waiting:
            yield waiting.popleft(), FINISHED
        return []

    monkeypatch.setattr(local_engine, "_in_a_pool", pool)
    assert len(list(local_engine.run(plan().units, Setup(wanted, threads=2)))) == 8
    assert pools == [workers]


def test_what_another_machine_is_writing_is_left_alone() -> None:
    """Its process numbers mean nothing here, so what it has under a temporary name looks left behind."""
    unit = plan().units[0]
    run = run_of(unit)
    run.path.mkdir(parents=True)
    half_written = run.path / ".run.json.4194305-0123abcd"
    half_written.write_text("{")
    with FileLock(run.path / "lock"):
        assert light(*Setup().arguments(unit)) == BUSY
        assert half_written.exists()
    assert light(*Setup().arguments(unit)) == FINISHED
    assert not half_written.exists()


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
