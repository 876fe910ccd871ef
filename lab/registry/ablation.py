"""The questions that break a network, to see what its stack is for."""

from __future__ import annotations

from lab.charts.ablation import (
    adapter_forest,
    concatenation_forest,
    intervention_charts,
    linear_curves,
    linear_depths,
    single_layers,
)
from lab.charts.other_probes import accuracy_by_probe
from lab.charts.similarity import layers_alike
from lab.charts.width_vs_depth import accuracy_by_budget, stack_leads
from lab.experiments.ablation import (
    collapse,
    columns,
    interventions,
    late_layers_only,
    layer_concatenation,
    without_activations,
)
from lab.experiments.other_probes.columns import MANY_IMAGES, OTHER_PROBES
from lab.experiments.other_probes.many_images import ManyImagesRequest
from lab.experiments.other_probes.many_images import run as many_images
from lab.experiments.other_probes.run import OtherProbesRequest
from lab.experiments.other_probes.run import run as other_probes
from lab.experiments.width_vs_depth.columns import WIDTH_VS_DEPTH
from lab.experiments.width_vs_depth.request import WidthVsDepthRequest
from lab.experiments.width_vs_depth.run import run as width_vs_depth
from lab.registry.row import Experiment, charts_of_tables

PAGE = "break_the_stack"

ROWS = (
    Experiment(
        "break", "What is left of the network when a part is skipped, swapped or re-initialised?",
        interventions.InterventionRequest, interventions.run, columns.BREAK,
        page=PAGE, tab="Break a part", charts=intervention_charts,
    ),
    Experiment(
        "late_layers_only", "Why run all the layers: why not y = j(x)?",
        late_layers_only.LateLayersRequest, late_layers_only.run, columns.LATE_LAYERS_ONLY,
        page=PAGE, tab="y = j(x)?", aliases=("tail",), often=True,
        charts=charts_of_tables(("adapters", "adapters", adapter_forest)),
    ),
    Experiment(
        "without_activations", "Why the non-linearity?",
        without_activations.WithoutActivationsRequest, without_activations.run, columns.WITHOUT_ACTIVATIONS,
        page=PAGE, tab="No activations", aliases=("linear",), often=True,
        charts=charts_of_tables(("depths", "depths", linear_depths), ("curves", "curve", linear_curves)),
    ),
    Experiment(
        "collapse", "Are many linear layers more than one convolution?",
        collapse.CollapseRequest, collapse.run, columns.COLLAPSE, page=PAGE, tab="One convolution",
    ),
    Experiment(
        "width_vs_depth", "Why not one wide layer, or several extractors side by side?",
        WidthVsDepthRequest, width_vs_depth, WIDTH_VS_DEPTH,
        page=PAGE, tab="Side by side", aliases=("side",), often=True,
        charts=charts_of_tables(("budget", "summary", accuracy_by_budget), ("leads", "leads", stack_leads)),
    ),
    Experiment(
        "concatenation", "Is the last layer enough?",
        layer_concatenation.ConcatenationRequest, layer_concatenation.run, columns.CONCATENATION,
        page=PAGE, tab="All layers", aliases=("together",), often=True,
        charts=charts_of_tables(("readers", "readers", concatenation_forest), ("layers", "layers", single_layers)),
    ),
    Experiment(
        "other_probes", "Is it the layer or the probe: do other probes find the same best layer?",
        OtherProbesRequest, other_probes, OTHER_PROBES, page=PAGE, tab="Other probes",
        charts=charts_of_tables(("probes", "accuracies", accuracy_by_probe)),
    ),
    Experiment(
        "many_images", "At which layer can the classes be read, of more images than memory holds?",
        ManyImagesRequest, many_images, MANY_IMAGES, page=PAGE, tab="Many images",
        charts=charts_of_tables(
            ("probes", "accuracies", accuracy_by_probe), ("similarity", "similarity", layers_alike)
        ),
    ),
)  # fmt: skip
