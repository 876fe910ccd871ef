"""The registry of experiments: one row per question. A new experiment is one file and one row here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from lab.errors import LabError, nearest
from lab.experiments.attributing.asked import AttributeRequest, ScoreRequest
from lab.experiments.base import Experiment, Request, Result, Run
from lab.experiments.breaking.changes import ChangesRequest
from lab.experiments.breaking.collapse import CollapseRequest
from lab.experiments.breaking.linear import LinearRequest
from lab.experiments.breaking.tail import TailRequest
from lab.experiments.breaking.together import TogetherRequest
from lab.experiments.building.edges_to_shapes import EdgesRequest
from lab.experiments.building.face_toy import FaceRequest
from lab.experiments.building.factors import FactorsRequest
from lab.experiments.building.field_arithmetic import StackRequest
from lab.experiments.building.filter_sum import FilterRequest
from lab.experiments.building.inversion import InversionRequest
from lab.experiments.building.receptive_field import FieldRequest
from lab.experiments.building.size_arithmetic import SlideRequest
from lab.experiments.building.sizes import SizesRequest
from lab.experiments.building.tuning_curves import TuningRequest
from lab.experiments.building.what_is_left import ThumbnailRequest
from lab.experiments.comparing.asked import CompareRequest
from lab.experiments.looking.channel import ChannelRequest
from lab.experiments.looking.depth_strip import DepthStripRequest
from lab.experiments.looking.exemplars import ExemplarsRequest
from lab.experiments.looking.kernels import KernelsRequest
from lab.experiments.looking.visualize import VisualizeRequest
from lab.experiments.separability import ProbeRequest
from lab.experiments.side_by_side.asked import SideRequest
from lab.experiments.training.asked import TrainRequest, WatchRequest


def _run_of(module: str) -> Callable[[], Run]:
    """Return what imports a file's `run` when it is first needed."""

    def load() -> Run:
        run: Run = import_module(f"lab.experiments.{module}").run
        return run

    return load


EXPERIMENTS: dict[str, Experiment] = {
    row.name: row
    for row in (
        Experiment("probe", "At which layer do the classes come apart?", ProbeRequest, _run_of("separability")),
        Experiment("compare", "Which layer of which network?", CompareRequest, _run_of("comparing.compare")),
        Experiment("filter", "What does one filter add up?", FilterRequest, _run_of("building.filter_sum")),
        Experiment("sizes", "How large is what comes out of each layer?", SizesRequest, _run_of("building.sizes")),
        Experiment("slide", "How many places does a window have?", SlideRequest, _run_of("building.size_arithmetic")),
        Experiment(
            "field", "How much of the picture does one position see?", FieldRequest, _run_of("building.receptive_field")
        ),
        Experiment("stack", "How far does a stack of layers see?", StackRequest, _run_of("building.field_arithmetic")),
        Experiment("break", "What is left when a part is broken?", ChangesRequest, _run_of("breaking.changes")),
        Experiment("tail", "Can the last stage do without the others?", TailRequest, _run_of("breaking.tail")),
        Experiment("linear", "What is left without activations?", LinearRequest, _run_of("breaking.linear")),
        Experiment("collapse", "Are many layers one convolution?", CollapseRequest, _run_of("breaking.collapse")),
        Experiment("together", "Is the last layer enough?", TogetherRequest, _run_of("breaking.together")),
        Experiment("train", "What can a small network learn here?", TrainRequest, _run_of("training.teaching")),
        Experiment("watch", "What does each layer know as it learns?", WatchRequest, _run_of("training.watching")),
        Experiment("attribute", "What does each layer look at?", AttributeRequest, _run_of("attributing.explaining")),
        Experiment(
            "attribution_score", "Do maps find what really differs?", ScoreRequest, _run_of("attributing.scoring")
        ),
        Experiment("exemplars", "Which patches excite a channel?", ExemplarsRequest, _run_of("looking.exemplars")),
        Experiment("visualize", "What image excites a channel?", VisualizeRequest, _run_of("looking.visualize")),
        Experiment(
            "side", "Why stack layers and not lay them side by side?", SideRequest, _run_of("side_by_side.side")
        ),
        Experiment("channel", "What excites, feeds and follows a channel?", ChannelRequest, _run_of("looking.channel")),
        Experiment("depth_strip", "What does each depth pick out?", DepthStripRequest, _run_of("looking.depth_strip")),
        Experiment("kernels", "What do the first filters look like?", KernelsRequest, _run_of("looking.kernels")),
        Experiment("face", "How do eyes and a mouth become a face?", FaceRequest, _run_of("building.face_toy")),
        Experiment("edges", "How do edges become shapes?", EdgesRequest, _run_of("building.edges_to_shapes")),
        Experiment("thumbnail", "Is the rest of the image lost?", ThumbnailRequest, _run_of("building.what_is_left")),
        Experiment("factors", "Which facts can be read off a layer?", FactorsRequest, _run_of("building.factors")),
        Experiment(
            "tuning", "What are early and late channels tuned to?", TuningRequest, _run_of("building.tuning_curves")
        ),
        Experiment(
            "inversion", "Which pictures look the same to a layer?", InversionRequest, _run_of("building.inversion")
        ),
    )
}


def request_from(values: Mapping[str, Any]) -> Request:
    """Return the request that a run folder, a URL or another program describes by `values`."""
    name = str(values.get("experiment", ""))
    if name not in EXPERIMENTS:
        raise LabError(f"there is no experiment {name!r}{nearest(name, EXPERIMENTS)}; known: {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name].request_type.from_dict(values)


__all__ = ["EXPERIMENTS", "Experiment", "ProbeRequest", "Request", "Result", "request_from"]
