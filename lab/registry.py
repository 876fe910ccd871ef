"""The registry of experiments: one row per question. A new experiment is one file and one row here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lab.errors import LabError, nearest
from lab.experiments.ablation import collapse, interventions, late_layers_only, layer_concatenation, without_activations
from lab.experiments.ablation import columns as ablation
from lab.experiments.ablation.collapse import CollapseRequest
from lab.experiments.ablation.interventions import InterventionRequest
from lab.experiments.ablation.late_layers_only import LateLayersRequest
from lab.experiments.ablation.layer_concatenation import ConcatenationRequest
from lab.experiments.ablation.without_activations import WithoutActivationsRequest
from lab.experiments.attribution import attribute, score
from lab.experiments.attribution import columns as attribution
from lab.experiments.attribution.request import AttributeRequest, ScoreRequest
from lab.experiments.base import Experiment, Request
from lab.experiments.building import columns as building
from lab.experiments.building import (
    edges_to_shapes,
    face_toy,
    factor_decoding,
    filter_sum,
    inversion,
    receptive_field,
    receptive_field_arithmetic,
    size_arithmetic,
    sizes,
    thumbnail_decoding,
    tuning_curves,
)
from lab.experiments.building import window_columns as windows
from lab.experiments.building.edges_to_shapes import EdgesRequest
from lab.experiments.building.face_toy import FaceRequest
from lab.experiments.building.factor_decoding import FactorsRequest
from lab.experiments.building.filter_sum import FilterRequest
from lab.experiments.building.inversion import InversionRequest
from lab.experiments.building.receptive_field import FieldRequest
from lab.experiments.building.receptive_field_arithmetic import StackRequest
from lab.experiments.building.size_arithmetic import SlideRequest
from lab.experiments.building.sizes import SizesRequest
from lab.experiments.building.thumbnail_decoding import ThumbnailRequest
from lab.experiments.building.tuning_curves import TuningRequest
from lab.experiments.channels import channel, depth_strip, exemplars, kernels, visualize
from lab.experiments.channels import columns as channels
from lab.experiments.channels.channel import ChannelRequest
from lab.experiments.channels.depth_strip import DepthStripRequest
from lab.experiments.channels.exemplars import ExemplarsRequest
from lab.experiments.channels.kernels import KernelsRequest
from lab.experiments.channels.visualize import VisualizeRequest
from lab.experiments.columns import Table
from lab.experiments.comparison import columns as comparison
from lab.experiments.comparison import compare
from lab.experiments.comparison.request import CompareRequest
from lab.experiments.separability import columns as separability
from lab.experiments.separability.request import ProbeRequest
from lab.experiments.separability.run import run as probe
from lab.experiments.training import columns as training
from lab.experiments.training import train, watch
from lab.experiments.training.request import TrainRequest, WatchRequest
from lab.experiments.width_vs_depth import columns as widths
from lab.experiments.width_vs_depth.request import WidthVsDepthRequest
from lab.experiments.width_vs_depth.run import run as width_vs_depth

EXPERIMENTS: dict[str, Experiment] = {
    row.name: row
    for row in (
        Experiment("probe", "At which layer do the classes come apart?", ProbeRequest, probe),
        Experiment("compare", "Which layer of which network?", CompareRequest, compare.run),
        Experiment("filter", "What does one filter add up?", FilterRequest, filter_sum.run),
        Experiment("sizes", "How large is what comes out of each layer?", SizesRequest, sizes.run),
        Experiment("slide", "How many places does a window have?", SlideRequest, size_arithmetic.run),
        Experiment("field", "How much of the picture does one position see?", FieldRequest, receptive_field.run),
        Experiment("stack", "How far does a stack of layers see?", StackRequest, receptive_field_arithmetic.run),
        Experiment("break", "What is left when a part is broken?", InterventionRequest, interventions.run),
        Experiment("tail", "Can the last stage do without the others?", LateLayersRequest, late_layers_only.run),
        Experiment(
            "linear",
            "What is left without activations?",
            WithoutActivationsRequest,
            without_activations.run,
        ),
        Experiment("collapse", "Are many layers one convolution?", CollapseRequest, collapse.run),
        Experiment("together", "Is the last layer enough?", ConcatenationRequest, layer_concatenation.run),
        Experiment("train", "What can a small network learn here?", TrainRequest, train.run),
        Experiment("watch", "What does each layer know as it learns?", WatchRequest, watch.run),
        Experiment("attribute", "What does each layer look at?", AttributeRequest, attribute.run),
        Experiment("attribution_score", "Do maps find what really differs?", ScoreRequest, score.run),
        Experiment("exemplars", "Which patches excite a channel?", ExemplarsRequest, exemplars.run),
        Experiment("visualize", "What image excites a channel?", VisualizeRequest, visualize.run),
        Experiment(
            "side",
            "Why stack layers and not lay them side by side?",
            WidthVsDepthRequest,
            width_vs_depth,
        ),
        Experiment("channel", "What excites, feeds and follows a channel?", ChannelRequest, channel.run),
        Experiment("depth_strip", "What does each depth pick out?", DepthStripRequest, depth_strip.run),
        Experiment("kernels", "What do the first filters look like?", KernelsRequest, kernels.run),
        Experiment("face", "How do eyes and a mouth become a face?", FaceRequest, face_toy.run),
        Experiment("edges", "How do edges become shapes?", EdgesRequest, edges_to_shapes.run),
        Experiment("thumbnail", "Is the rest of the image lost?", ThumbnailRequest, thumbnail_decoding.run),
        Experiment("factors", "Which facts can be read off a layer?", FactorsRequest, factor_decoding.run),
        Experiment("tuning", "What are early and late channels tuned to?", TuningRequest, tuning_curves.run),
        Experiment("inversion", "Which pictures look the same to a layer?", InversionRequest, inversion.run),
    )
}


def request_from(values: Mapping[str, Any]) -> Request:
    """Return the request that a run folder, a URL or another program describes by `values`."""
    name = str(values.get("experiment", ""))
    if name not in EXPERIMENTS:
        raise LabError(f"there is no experiment {name!r}{nearest(name, EXPERIMENTS)}; known: {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name].request_type.from_dict(values)


# experiment -> table -> what it means
TABLES: dict[str, Mapping[str, Table]] = {
    "probe": separability.PROBE, "compare": comparison.COMPARE, "filter": windows.FILTER, "sizes": windows.SIZES,
    "slide": windows.SLIDE, "field": windows.FIELD, "stack": windows.STACK, "face": windows.FACE,
    "edges": building.EDGES, "thumbnail": building.THUMBNAIL, "factors": building.FACTORS, "tuning": building.TUNING,
    "inversion": building.INVERSION, "break": ablation.BREAK, "tail": ablation.TAIL, "linear": ablation.LINEAR,
    "collapse": ablation.COLLAPSE, "together": ablation.TOGETHER, "exemplars": channels.EXEMPLARS,
    "visualize": channels.VISUALIZE, "channel": channels.CHANNEL, "depth_strip": channels.DEPTH_STRIP,
    "kernels": channels.KERNELS, "attribute": attribution.ATTRIBUTE, "attribution_score": attribution.ATTRIBUTION_SCORE,
    "train": training.TRAIN, "watch": training.WATCH, "side": widths.SIDE,
}  # fmt: skip


def meaning(experiment: str, table: str, column: str) -> str:
    """Return what `column` of a table of `experiment` means, "" if it is not known."""
    known = TABLES.get(experiment, {}).get(table)
    return known.columns.get(column, "") if known else ""


def as_markdown(experiment: str, columns: Mapping[str, Iterable[str]] | None = None, *, level: int = 2) -> str:
    """Return a section per table of an experiment with a line per column; `columns` picks some, in their order."""
    known = TABLES.get(experiment, {})
    asked = columns if columns is not None else {name: table.columns for name, table in known.items()}
    parts = []
    for name, names in asked.items():
        lines = [f"- `{column}`: {meaning(experiment, name, column)}" for column in names]
        parts.append("\n".join([f"{'#' * level} {name}", "", known[name].row if name in known else "", "", *lines]))
    return "\n\n".join(parts) + "\n"
