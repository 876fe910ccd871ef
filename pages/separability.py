"""Separability: at which layer do the classes come apart?"""

from __future__ import annotations

from lab.experiments.separability.request import ProbeRequest
from lab.ui import examples, run_status, url_state
from lab.ui.heading import heading
from lab.ui.separability import controls, details, panels

heading(
    "Separability",
    "At which layer do the classes come apart? A simple classifier, a probe, is asked at each.",
)

request = url_state.requested(ProbeRequest)
controls.experiment_controls(request)
result = run_status.result_or_status(
    request,
    offer="These settings have not been run on this computer. Press Run; the page shows how far it is.",
    button=False,
)
if result is None:
    examples.drawn_examples(request.data, per_class=9)
else:
    panels.problems(result)
    panels.verdicts(result)
    panels.facts(result)
    metric, shown = panels.chart_options(result)
    panels.accuracy_chart(result, key="accuracy_chart", metric=metric, controls=shown)
    panels.how_to_read()
    details.details(result)
