"""Every test has a home folder of its own, and none reaches for a hub."""

from __future__ import annotations

import dataclasses
import functools
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = os.environ.get("FEATURE_LAB_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

# Files whose tests compute whole runs, open pages, start processes or a browser: what `-m "not slow"` leaves out.
SLOW = {
    "test_access", "test_activations", "test_arrays", "test_atlas", "test_attributions", "test_attributions_page",
    "test_attributions_trust", "test_backbone", "test_beside", "test_breaking", "test_building_pages",
    "test_calibration", "test_channels_page", "test_check", "test_check_targets", "test_chosen", "test_cli",
    "test_compare", "test_devices", "test_doctests", "test_drawn", "test_during_training", "test_early",
    "test_edges_to_shapes", "test_embeddings", "test_everyone", "test_exemplars", "test_export", "test_extending",
    "test_face", "test_families", "test_fields", "test_filter", "test_guide", "test_images_attacks",
    "test_interventions", "test_jobs", "test_journey", "test_kept_training", "test_ladder", "test_layer_choice",
    "test_lesson", "test_losing", "test_many_tests_at_once", "test_memory", "test_models", "test_native",
    "test_other_probes", "test_own_backbone", "test_own_module", "test_packaging", "test_pages", "test_plan",
    "test_present", "test_queue", "test_readme", "test_real_packages", "test_report", "test_search",
    "test_selfcheck", "test_separability", "test_side_by_side", "test_sizes", "test_sweep", "test_sweep_deaths",
    "test_sweep_page", "test_sweep_ray", "test_sweep_real", "test_trackers", "test_training",
    "test_training_page", "test_tuning_and_inversion", "test_ui_notices", "test_ui_server", "test_ui_subject",
    "test_vector_targets", "test_visualization", "test_weights", "test_what_is_left", "test_which",
}  # fmt: skip
SLOW_TESTS = {
    "test_killing_a_writer_at_any_instant_never_leaves_half_a_run",
    "test_lower_levels_are_at_chance_and_its_own_is_not",
    "test_digits_are_the_library_s_own",
    "test_a_layer_that_runs_at_some_sizes_only_spoils_no_other",
    "test_what_a_test_replaces_is_looked_up_where_it_is_replaced",
}

# Set before anything imports huggingface_hub, which reads it once: a test that forgets itself fails fast.
os.environ.setdefault("HF_HUB_OFFLINE", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the slow tests; a mark of the test's own counts as well."""
    for item in items:
        if item.path.stem in SLOW or item.name.split("[")[0] in SLOW_TESTS:
            item.add_marker("slow")


@pytest.fixture(autouse=True)
def lab_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh, empty `FEATURE_LAB_HOME`."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("FEATURE_LAB_HOME", str(home))
    monkeypatch.setenv("FEATURE_LAB_EXAMPLES", "")  # pages in every state, the empty one too
    return home


@pytest.fixture(autouse=True, scope="session")
def _tables_are_described() -> Iterator[None]:
    """Whatever question a test computes: every column of its tables has a meaning in `lab.registry`."""
    from lab.experiments.result import Result
    from lab.registry import EXPERIMENTS, meaning

    made = Result.__init__

    def checked(self: Result, *arguments: Any, **named: Any) -> None:
        made(self, *arguments, **named)
        question = self.request.experiment
        found = [(name, column) for name, table in self.tables.items() for column in table.columns]
        unknown = [at for at in found if question in EXPERIMENTS and not meaning(question, *at)]
        assert not unknown, f"the registry does not say what these of {question!r} mean: {unknown}"

    Result.__init__ = checked  # type: ignore[method-assign]
    yield
    Result.__init__ = made  # type: ignore[method-assign]


@pytest.fixture
def light_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """Units of sweeps cost nothing, whatever engine computes them (`sweep_work`); "here" is one without processes."""
    import sweep_work

    from lab.experiments.separability.request import ProbeRequest
    from lab.registry import EXPERIMENTS
    from lab.runs import jobs
    from lab.sweeps import drive
    from lab.sweeps.engines import ENGINES, Engine

    probe = dataclasses.replace(EXPERIMENTS["probe"], run=sweep_work.made_up)
    monkeypatch.setattr(jobs, "pick_device", str)
    monkeypatch.setattr(ProbeRequest, "check", lambda self, cards=None: None)
    monkeypatch.setitem(EXPERIMENTS, "probe", probe)
    monkeypatch.setattr(drive, "Setup", functools.partial(drive.Setup, work=sweep_work.light))
    monkeypatch.setitem(ENGINES, "here", Engine("here", "in this process", sweep_work.here))
    # Workers import the tests' modules; the lab's own come first on their path.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path]))


@pytest.fixture
def undisturbed(light_units: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Gives the digest of the tables of a light sweep that nothing happened to, in a home folder of its own."""
    import lab

    def digest(plan: Any) -> str:
        with monkeypatch.context() as other:
            other.setenv("FEATURE_LAB_HOME", str(tmp_path / "undisturbed"))
            other.delenv("FEATURE_LAB_TEST_SECONDS", raising=False)
            return lab.sweep(plan, engine="here").digest

    return digest


@pytest.fixture(scope="session")
def photos() -> Path:
    """The folder of real photographs named by `FEATURE_LAB_TEST_PHOTOS`: `pets/{cat,dog}` and `imagenet`."""
    folder = os.environ.get("FEATURE_LAB_TEST_PHOTOS")
    if not folder:
        pytest.skip("FEATURE_LAB_TEST_PHOTOS names no folder of real photographs")
    return Path(folder)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium, one for all tests: playwright does not start twice in a process."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no chromium on the path; name one in FEATURE_LAB_CHROMIUM")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()
