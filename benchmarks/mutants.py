"""How many planted faults the tests notice: a seeded sample of mutants an area, each run against the area's own tests.

    pip install cosmic-ray; python benchmarks/mutants.py [AREA ...] [--sample 40] [--seed 0] [--json FILE]
    python benchmarks/mutants.py --again FILE  # what survived there, against the tests as they are now

cosmic-ray makes the mutants (another comparison, operator, number, loop, exception, decorator). Places are drawn, then
one mutant at each, so that an operator with many replacements counts once; what changes only annotations is no mutant.
They are planted in a copy in a temporary folder, never here. Each is tested in a fork of a process that has the heavy
libraries loaded already; what fails, hangs or cannot be imported is killed.
Needs a system with fork.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from difflib import unified_diff
from importlib.util import cache_from_source
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("numpy", "pandas", "pyarrow.parquet", "scipy.stats", "sklearn.linear_model", "torch", "timm", "pytest")
COPIED = ("lab", "benchmarks", "pages", "tests", "docs", ".streamlit", "pyproject.toml", "README.md")
OUTCOMES = {"passed": "survived", "failed": "killed", "slow": "slow"}
EXPERIMENTS = "lab/experiments"
LOADED = "ignore::pytest.PytestAssertRewriteWarning"  # plugins were imported before the fork

# An area: what is mutated -> the tests that must notice. The first row of an area that names a file has it.
AREAS: dict[str, dict[str, str]] = {
    "stats": {
        "lab/stats/verdict.py lab/stats/checks.py": "test_verdict.py",
        "lab/stats/decision.py": "test_decision.py",
        "lab/stats/depth.py": "test_depth.py",
        "lab/stats/disagreement.py": "test_disagreement.py",
        "lab/stats/differences.py": "test_stats.py test_compare.py",
        "lab/stats/ordering.py": "test_ordering.py",
        "lab/stats/numbers.py": "test_numbers.py test_grades.py",
        "lab/stats/several_labels.py": "test_multilabel.py",
        "lab/stats/equivalence.py": "test_check.py",
        "lab/stats/calibration.py": "test_calibration.py",
        "lab/stats/*.py": "test_stats.py test_claims.py test_many_tests_at_once.py",
    },
    "probing": {
        "lab/probing/code_length.py": "test_code_length.py",
        "lab/probing/splits.py": "test_splits.py",
        "lab/probing/kinds.py": "test_other_probes.py",
        "lab/probing/*.py": "test_probes.py test_splits.py",
    },
    "geometry": {
        "lab/geometry/neighbours.py": "test_neighbours.py",
        "lab/geometry/similarity.py": "test_similarity.py",
        "lab/geometry/*.py": "test_projection.py",
    },
    "store": {
        "lab/runs/folder.py lab/runs/store.py lab/runs/documents.py lab/runs/tables.py": "test_store.py test_losing.py"
    },
    "receptive fields": {
        f"{EXPERIMENTS}/building/size_arithmetic.py": "test_sizes.py",
        "lab/layers/receptive.py": "test_layers.py test_architecture.py::test_values_are_frozen",
        f"{EXPERIMENTS}/building/receptive_field_arithmetic.py": "test_fields.py",
    },
    "findings": {
        f"{EXPERIMENTS}/attribution/*findings.py": "test_findings_attribution.py",
        f"{EXPERIMENTS}/training/findings.py {EXPERIMENTS}/width_vs_depth/findings.py": "test_findings_training.py",
        f"{EXPERIMENTS}/ladder/findings.py": "test_findings_ladder.py",
        f"{EXPERIMENTS}/comparison/findings.py": "test_findings_comparison.py test_findings_examples.py",
        f"{EXPERIMENTS}/equivalence/findings.py": "test_findings_check.py",
        f"{EXPERIMENTS}/ablation/[il][na]t*findings.py": "test_findings_ablation.py",
        f"{EXPERIMENTS}/ablation/*findings.py": "test_findings_layers.py",
        f"{EXPERIMENTS}/building/receptive_field_findings.py": "test_findings_fields.py",
        f"{EXPERIMENTS}/building/[ef][di][gl]*findings.py": "test_findings_building.py",
        f"{EXPERIMENTS}/building/*decoding_findings.py": "test_findings_decoding.py",
        f"{EXPERIMENTS}/building/*findings.py": "test_findings_tuning.py",
    },
}


@dataclass(frozen=True)
class Mutant:
    """One fault: the `occurrence`-th place of an operator of cosmic-ray in a file, and where that is."""

    path: str
    operator: str
    occurrence: int
    place: tuple[int, int]


@dataclass(frozen=True)
class Tried:
    """What came of a mutant: "killed", "survived" or "slow" (killed by the time limit), with its difference."""

    area: str
    mutant: Mutant
    outcome: str
    seconds: float
    difference: str


def files_of(area: str) -> dict[str, list[str]]:
    """Return the files of an area with the test files that must notice faults in each."""
    found: dict[str, list[str]] = {}
    for patterns, tests in AREAS[area].items():
        for path in (path for pattern in patterns.split() for path in sorted(ROOT.glob(pattern))):
            found.setdefault(
                str(path.relative_to(ROOT)), [f"tests/{name}" if ".py" in name else name for name in tests.split()]
            )
    return found


def mutants_of(path: str) -> list[Mutant]:
    """Return all mutants of a file that take no arguments."""
    from cosmic_ray import plugins
    from cosmic_ray.ast import ast_nodes, get_ast

    tree, found = get_ast((ROOT / path).read_text()), []
    for name in plugins.operator_names():
        if plugins.get_operator(name).arguments():
            continue
        operator = plugins.get_operator(name)()
        places = (start for node in ast_nodes(tree) for start, _ in operator.mutation_positions(node))
        found += [Mutant(path, name, occurrence, place) for occurrence, place in enumerate(places)]
    return found


def sample(area: str, count: int, seed: int) -> list[tuple[Mutant, str]]:
    """Return `count` mutants of an area at places drawn at random, with the mutated source of each."""
    places: dict[tuple[str, tuple[int, int]], list[Mutant]] = {}
    for path in files_of(area):
        for mutant in mutants_of(path):
            places.setdefault((path, mutant.place), []).append(mutant)
    rng, chosen = random.Random(seed), list[tuple[Mutant, str]]()
    for place in rng.sample(sorted(places), len(places)):
        mutant = rng.choice(places[place])
        if len(chosen) < count and (code := mutated(mutant)):
            chosen.append((mutant, code))
    return chosen


def mutated(mutant: Mutant) -> str | None:
    """Return the source with the fault in it, None when what it does is the same: only an annotation changed."""
    from cosmic_ray import plugins
    from cosmic_ray.mutating import mutate_code

    code = (ROOT / mutant.path).read_text()
    changed = mutate_code(code, plugins.get_operator(mutant.operator)(), mutant.occurrence)
    if changed is None or _without_annotations(changed) == _without_annotations(code):
        return None
    return str(changed)


def _without_annotations(code: str) -> str:
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return code
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
    return ast.dump(tree)


def passes(copy: Path, tests: list[str], seconds: float) -> tuple[str, float]:
    """Run tests on the copy in a fork of this process; return "passed", "failed" or "slow", and the seconds it took."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        _test(copy, tests)
    while time.monotonic() - began < seconds:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return "failed" if status else "passed", time.monotonic() - began
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "slow", time.monotonic() - began


def _test(copy: Path, tests: list[str]) -> None:
    """Run pytest on the copy and end this (forked) process."""
    code = 1
    try:
        os.setsid()
        os.chdir(copy)
        sys.path.insert(0, str(copy))
        os.environ["PYTHONPATH"] = str(copy)
        sys.dont_write_bytecode = True
        with (copy / "log.txt").open("w") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            pytest = importlib.import_module("pytest")
            code = int(pytest.main(["-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-W", LOADED, *tests]))
            sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def try_all(area: str, chosen: list[tuple[Mutant, str]], slack: float) -> Iterator[Tried]:
    """Plant each mutant of an area in a copy and yield what its tests say; the sound copy must pass first."""
    with tempfile.TemporaryDirectory() as folder:
        copy, tests_of = _copied(Path(folder)), files_of(area)
        limits: dict[str, float] = {}
        for mutant, code in chosen:
            tests = tests_of[mutant.path]
            if " ".join(tests) not in limits:
                outcome, seconds = passes(copy, tests, 600)
                if outcome != "passed":
                    raise SystemExit(f"{tests} fail without a fault:\n{(copy / 'log.txt').read_text()[-2000:]}")
                limits[" ".join(tests)] = slack * (seconds + 5)
            path = copy / mutant.path
            sound = path.read_text()
            path.write_text(code)
            Path(cache_from_source(str(path))).unlink(missing_ok=True)
            outcome, seconds = passes(copy, tests, limits[" ".join(tests)])
            path.write_text(sound)
            lines = unified_diff(sound.splitlines(), code.splitlines(), lineterm="", n=0)
            difference = "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))
            yield Tried(
                area, mutant, {"passed": "survived", "failed": "killed"}.get(outcome, outcome), seconds, difference
            )


def tried_again(file: Path, slack: float) -> list[Tried]:
    """Return what a file holds, its survivors tried once more where their place in the source is still the same."""
    known = [Tried(**{**row, "mutant": Mutant(**row["mutant"])}) for row in json.loads(file.read_text())]
    found = []
    for one in known:
        mutant = replace(one.mutant, place=tuple(one.mutant.place))
        if one.outcome == "survived" and mutant in mutants_of(mutant.path) and (code := mutated(mutant)):
            one = next(iter(try_all(one.area, [(mutant, code)], slack)))
            print(f"{one.area}: {mutant.path}:{mutant.place[0]} {one.outcome} ({one.seconds:.0f} s)", file=sys.stderr)
        found.append(one)
    return found


def _copied(folder: Path) -> Path:
    copy = folder / "copy"
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name)  # times are kept, so what is compiled already stays valid
        else:
            shutil.copy(ROOT / name, copy / name)
    return copy


def table(tried: list[Tried]) -> str:
    """Return the scores as a Markdown table, and the survivors below it."""
    rows = ["| area | mutants tried | killed | survived | score |", "|---|---|---|---|---|"]
    for area in dict.fromkeys(one.area for one in tried):
        own = [one for one in tried if one.area == area]
        lived = sum(one.outcome == "survived" for one in own)
        rows.append(f"| {area} | {len(own)} | {len(own) - lived} | {lived} | {1 - lived / len(own):.0%} |")
    survivors = [one for one in tried if one.outcome == "survived"]
    texts = [f"{one.mutant.path}:{one.mutant.place[0]} {one.mutant.operator}\n{one.difference}" for one in survivors]
    return "\n".join([*rows, "", *texts])


def main() -> None:
    """Print the table, area by area."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("areas", nargs="*", metavar="AREA", help=f"of {', '.join(AREAS)}; all by default")
    parser.add_argument("--sample", type=int, default=40, help="mutants an area (default 40)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--slack", type=float, default=3.0, help="time limit, as a multiple of the sound run's time")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop an area after so many seconds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every mutant and what came of it")
    parser.add_argument("--again", type=Path, metavar="FILE", help="try the survivors of such a file again")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    for name in HEAVY:
        importlib.import_module(name)
    if given.again:
        tried = tried_again(given.again, given.slack)
        given.again.write_text(json.dumps([asdict(one) for one in tried], indent=1))
        print(table(tried))
        return
    tried = []
    for area in given.areas or AREAS:
        began = time.monotonic()
        for one in try_all(area, sample(area, given.sample, given.seed), given.slack):
            tried.append(one)
            print(
                f"{area}: {one.mutant.path}:{one.mutant.place[0]} {one.outcome} ({one.seconds:.0f} s)", file=sys.stderr
            )
            if time.monotonic() - began > given.seconds:
                break
    print(table(tried))
    if given.json:
        given.json.write_text(json.dumps([asdict(one) for one in tried], indent=1))


if __name__ == "__main__":
    main()
