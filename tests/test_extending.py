"""One toy of each kind is added, in as many places as CONTRIBUTING says, and appears by itself wherever it should.

Each is added in a process of its own before the rest of the lab is imported, as an edit of the file would be.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

QUESTION = """
    from dataclasses import dataclass
    from typing import ClassVar
    import pandas as pd
    from lab.charts.lazy_altair import alt
    from lab.experiments.base import Request, option
    from lab.experiments.columns import Table
    from lab.experiments.manifest import result_with_findings
    from lab.registry import EXPERIMENTS
    from lab.registry.row import Experiment, charts_of_tables

    @dataclass(frozen=True)
    class ToyRequest(Request):
        experiment: ClassVar[str] = "toy"
        rows: int = option(3, "how many rows", least=1, most=9)
        def title(self):
            return "a toy"

    def run(request, *, progress, compute, partial_results):
        table = pd.DataFrame({"row": range(request.rows)})
        return result_with_findings(request, {"rows": table}, [f"It has {request.rows} rows."])

    def bars(tables):
        return alt.Chart(tables["rows"]).mark_bar().encode(x="row:O").properties(description="toy bars")

    EXPERIMENTS["toy"] = Experiment(
        "toy", "How many rows has a toy?", ToyRequest, run,
        {"rows": Table("A row of the toy.", {"row": "its number"})},
        page="how_layers_build", tab="Toy", charts=charts_of_tables(("bars", "rows", bars)), aliases=("plaything",),
    )
"""


def said(added: str, then: str, home: Path) -> str:
    """What a fresh process prints that adds something and then looks for it."""
    code = textwrap.dedent(added) + "\n" + textwrap.dedent(then)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "FEATURE_LAB_HOME": str(home), "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_a_question_is_asked_documented_exported_and_shown(tmp_path: Path) -> None:
    text = said(
        QUESTION,
        """
        import runpy
        import lab
        from lab.cli.main import main
        from lab.export.formats import download

        assert main(["ask", "plaything", "--rows=4", "--table=rows"]) == 0
        result = lab.ask("toy", rows=4)
        print(download(result, "html").content.decode().partition("<body")[2][:3000])
        assert set(result.request.as_dict()) == {"experiment", "rows"}
        print(runpy.run_path("docs/make_tables.py")["document"]())

        import pages_helpers as helpers
        app = helpers.healthy(helpers.opened("how_layers_build", question="Toy", experiment="toy", **{"toy.rows": "4"}))
        print([tab.label for tab in app.tabs], helpers.said(app))
        assert app.number_input(key="toy_rows").value == 4
        """,
        tmp_path,
    )
    assert text.count("It has 4 rows") >= 3  # the terminal, the report, the page
    assert "- [toy](#toy): How many rows has a toy?" in text
    assert "'Toy'" in text


def test_a_control_is_an_option_a_box_and_a_label(tmp_path: Path) -> None:
    text = said(
        """
        import lab.probing.controls as controls
        controls.CONTROLS["toy"] = controls.Control("toy", "toy twin", "a toy", (1, 1), uncontrolled="toys")
        controls.OPTIONAL["toy"] = "a toy"
        """,
        """
        from lab.charts.curves import CONTROLS
        from lab.experiments.separability.request import ProbeRequest
        import pages_helpers as helpers

        print(ProbeRequest(controls=("toy",)).command(), CONTROLS["toy"].label)
        app = helpers.healthy(helpers.opened("separability"))
        print(app.multiselect(key="draft_controls").options)
        """,
        tmp_path,
    )
    assert "--controls=toy toy twin" in text
    assert "'toy'" in text


def test_a_drawn_set_is_in_the_catalogue_the_boxes_and_the_help(tmp_path: Path) -> None:
    text = said(
        """
        from dataclasses import replace
        from lab.images.synthetic import sets
        sets.FAMILIES["toys"] = replace(sets.FAMILIES["pets"], name="toys", title="Drawn toys")
        """,
        """
        import dataclasses
        from lab.experiments.building.factor_decoding import FactorsRequest
        from lab.images import open_image_set
        from lab.images.catalogue import catalogue
        from lab.ui.choices import image_sets

        print([row.name for row in catalogue()], image_sets(), open_image_set("drawn:toys", per_class=2).classes)
        print({field.name: field.metadata["about"] for field in dataclasses.fields(FactorsRequest)}["data"])
        """,
        tmp_path,
    )
    assert text.count("drawn:toys") >= 3


def test_a_page_is_in_the_navigation(tmp_path: Path) -> None:
    text = said(
        """
        from lab.registry import pages
        from lab.ui import routes
        pages.PAGES = (*pages.PAGES, pages.Page("toys", "Toys", "toys", "A toy page."))
        file_of = routes.dashboard_file
        routes.dashboard_file = lambda name: file_of(name.replace("toys", "models"))
        """,
        """
        import streamlit as st
        import pages_helpers as helpers

        shown, navigation = [], st.navigation
        st.navigation = lambda groups, **more: (shown.append(groups), navigation(groups, **more))[1]
        helpers.healthy(helpers.opened("overview"))
        print({group: [page.title for page in pages] for group, pages in shown[-1].items()})
        """,
        tmp_path,
    )
    assert "'Models', 'Toys']" in text


def test_an_attribution_method_is_an_option_and_has_maps(tmp_path: Path) -> None:
    text = said(
        """
        from dataclasses import replace
        from lab.attributions import methods
        methods.METHODS["toy"] = replace(methods.METHODS["saliency"], name="toy", title="Toy map")
        """,
        """
        import lab
        asked = {"model": "test_resnet@untrained:1", "layers": "layer1", "method": "toy", "checks": False}
        print(set(lab.ask("attribute", **asked)["maps"]["method"]))
        """,
        tmp_path,
    )
    assert "toy" in text


@pytest.mark.parametrize(
    "kind", ["a question", "a control", "a drawn set", "a chart", "a page", "an attribution method"]
)
def test_contributing_says_what_to_touch(kind: str) -> None:
    assert any(line.startswith(f"| {kind}") for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines())
