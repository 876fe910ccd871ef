"""The example runs hold real tables and the sentences made of them: made again, these must be the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import pytest

from lab.experiments.ablation import (
    collapse,
    intervention_findings,
    late_layers_only_findings,
    layer_concatenation_findings,
    without_activations_findings,
)
from lab.experiments.attribution import concepts, map_findings, score_findings
from lab.experiments.building import (
    edges_findings,
    factor_decoding_findings,
    filter_findings,
    inversion_findings,
    receptive_field_arithmetic,
    receptive_field_findings,
    size_arithmetic,
    thumbnail_decoding_findings,
    tuning_findings,
)
from lab.experiments.channels import channel, depth_strip, kernels
from lab.experiments.comparison import findings as comparison
from lab.experiments.equivalence import findings as equivalence
from lab.experiments.ladder import findings as ladder
from lab.experiments.ladder import steps as ladder_steps
from lab.experiments.number_text import interval_of
from lab.experiments.other_probes import many_images
from lab.experiments.other_probes import run as other_probes
from lab.experiments.training import findings as training
from lab.experiments.which import findings as which
from lab.experiments.width_vs_depth import findings as width_vs_depth
from lab.registry import EXPERIMENTS
from lab.runs.examples import VARIABLE, example_of

Tables = Mapping[str, pd.DataFrame]
# question -> its sentences from its tables, the request and the manifest
AGAIN: dict[str, Callable[[Tables, Any, Mapping[str, Any]], list[str]]] = {
    "attribution_score": lambda tables, request, about: score_findings.findings(tables),
    "ladder": lambda tables, request, about: ladder.findings(tables),
    "tuning": lambda tables, request, about: tuning_findings.findings(tables["tuning"], tables["draws"]),
    "attribute": lambda tables, request, about: map_findings.findings(tables),
    "break": lambda tables, request, about: intervention_findings.findings(tables, about["classes"]),
    "channel": lambda tables, request, about: channel.findings(tables),
    "check": lambda tables, request, about: equivalence.findings(tables, (request.base, request.new)),
    "collapse": lambda tables, request, about: collapse.findings(tables["layers"]),
    "compare": lambda tables, request, about: comparison.findings(tables, ("cat", "dog"), data=request.data),
    "concatenation": lambda tables, request, about: layer_concatenation_findings.findings(tables),
    "depth_strip": lambda tables, request, about: depth_strip.findings(tables["strip"], tables["visualizations"]),
    "edges": lambda tables, request, about: edges_findings.findings(tables),
    "factors": lambda tables, request, about: factor_decoding_findings.findings(tables, len(tables["images"])),
    "field": lambda tables, request, about: receptive_field_findings.findings(
        tables["fields"], tables["draws"], (224, 224)
    ),
    "filter": lambda tables, request, about: filter_findings.network_findings(tables["layers"]),
    "inversion": lambda tables, request, about: inversion_findings.findings(tables["summary"], request.starts),
    "kernels": lambda tables, request, about: kernels.findings(tables["kernels"]),
    "ladder_steps": lambda tables, request, about: ladder_steps.findings(tables, request.model),
    "many_images": lambda tables, request, about: many_images.findings(tables, about["images"]),
    "concepts": lambda tables, request, about: concepts.findings(tables),
    "watch": lambda tables, request, about: training.checkpoint_findings(tables),
    "late_layers_only": lambda tables, request, about: late_layers_only_findings.findings(tables),
    "other_probes": lambda tables, request, about: other_probes.findings(tables),
    "slide": lambda tables, request, about: size_arithmetic.findings(request),
    "stack": lambda tables, request, about: receptive_field_arithmetic.findings(request),
    "thumbnail": lambda tables, request, about: thumbnail_decoding_findings.findings(tables, len(tables["images"])),
    "which": lambda tables, request, about: which.findings(
        tables, about["classes"], interval_of(about["chosen"], "accuracy")
    ),
    "width_vs_depth": lambda tables, request, about: width_vs_depth.findings(tables),
    "without_activations": lambda tables, request, about: without_activations_findings.findings(
        tables, about["activations"]
    ),
}


@pytest.mark.parametrize("question", AGAIN)
def test_sentences_of_an_example_follow_from_its_tables(question: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    example = example_of(EXPERIMENTS[question].request_type().canonical())
    assert example is not None
    found = example.result()
    again = AGAIN[question](found.tables, found.request, found.manifest)
    assert again
    assert again == found.findings[-len(again) :]
