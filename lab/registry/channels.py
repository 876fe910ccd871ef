"""The questions about what channels look for, and about what attribution maps find."""

from __future__ import annotations

from lab.charts.attributions import attribute_charts, score_charts
from lab.charts.channel_images import optimised_images
from lab.charts.channels import (
    ablation_effects,
    class_histogram,
    contributions_to_channel,
    reached_by_target,
    selectivity_by_depth,
)
from lab.charts.concepts import concept_changes, concepts_by_depth
from lab.charts.ladder_contrasts import explanations_map
from lab.experiments.attribution import attribute, concepts, explanations, score
from lab.experiments.attribution.columns import ATTRIBUTE, ATTRIBUTION_SCORE, CONCEPTS, EXPLANATIONS
from lab.experiments.attribution.request import AttributeRequest, ExplanationsRequest, ScoreRequest
from lab.experiments.channels import channel, columns, depth_strip, exemplars, kernels, visualize
from lab.registry.row import Experiment, charts_of_tables

PAGE = "channels"
SHEET, WALL = "Layer sheet", "All channels"
_MADE = (("images", "visualizations", optimised_images), ("reached", "visualizations", reached_by_target))

ROWS = (
    Experiment(
        "attribute", "What does a layer look at, and is the map to be trusted?",
        AttributeRequest, attribute.run, ATTRIBUTE,
        page="attributions", tab="Maps of a picture", often=True, charts=attribute_charts,
    ),
    Experiment(
        "attribution_score", "Do maps find what really differs between two classes?",
        ScoreRequest, score.run, ATTRIBUTION_SCORE,
        page="attributions", tab="Which maps are right", charts=score_charts,
    ),
    Experiment(
        "explanations", "Which explanation is right, and where?",
        ExplanationsRequest, explanations.run, EXPLANATIONS,
        page="attributions", tab="On the ladder",
        charts=charts_of_tables(("explanations", "explanations", explanations_map)),
    ),
    Experiment(
        "concepts", "Which concepts, given by examples, does a network know, and where?",
        concepts.ConceptsRequest, concepts.run, CONCEPTS,
        page="attributions", tab="Concepts",
        charts=charts_of_tables(
            ("concepts", "concepts", concepts_by_depth), ("concept_classes", "speaks", concept_changes)
        ),
    ),
    Experiment(
        "depth_strip", "What does each depth pick out?",
        depth_strip.DepthStripRequest, depth_strip.run, columns.DEPTH_STRIP, page=PAGE, tab="Depth strip",
        charts=charts_of_tables(*_MADE, ("selectivity", "strip", selectivity_by_depth)),
    ),
    Experiment(
        "visualize", "What image excites a channel?",
        visualize.VisualizeRequest, visualize.run, columns.VISUALIZE, page=PAGE, tab=SHEET,
        charts=charts_of_tables(*_MADE),
    ),
    Experiment(
        "exemplars", "What do the channels of a layer look for?",
        exemplars.ExemplarsRequest, exemplars.run, columns.EXEMPLARS, page=PAGE, tab=WALL, often=True,
    ),
    Experiment(
        "channel", "What excites one channel, what feeds it, and what does it do?",
        channel.ChannelRequest, channel.run, columns.CHANNEL, page=PAGE, tab="Channel card",
        charts=charts_of_tables(
            *_MADE,
            ("classes", "activations", class_histogram),
            ("sources", "contributions", contributions_to_channel),
            ("switched_off", "effects", ablation_effects),
        ),
    ),
    Experiment(
        "kernels", "What do the first filters look like?",
        kernels.KernelsRequest, kernels.run, columns.KERNELS, page=PAGE, tab="First filters",
    ),
)  # fmt: skip
