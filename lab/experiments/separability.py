"""At which layer do the classes come apart? Linear probes on every layer, with the controls that make it evidence.

This file asks (`ProbeRequest`) and conducts (`run`): images, one forward pass a network, probes layer by layer, maps.
What the numbers become is in `separability_tables`; how they are computed in `lab.probing`, `lab.stats` and
`lab.geometry`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from lab.errors import LabError, nearest
from lab.experiments.base import Pieces, Request, Result
from lab.progress import Progress, silent
from lab.settings import Compute

if TYPE_CHECKING:
    from lab.images import ImageSet
    from lab.models import LoadedModel

DEFAULT_MODEL = "tf_efficientnet_lite0@packaged"
DEFAULT_DATA = "drawn:pets"
# What each control is for; "chance" needs no computing and is always there.
CONTROLS = {
    "untrained": "the same architecture with random weights",
    "shuffled": "the same probe on shuffled labels",
    "matched": "every layer reduced to the same number of dimensions",
    "pixels": "the same probe on raw pixels",
}


@dataclass(frozen=True)
class ProbeRequest(Request):
    """Which networks, images, layers and controls; `seed` moves the splits and the shuffled labels."""

    experiment: ClassVar[str] = "probe"

    models: tuple[str, ...] = (DEFAULT_MODEL,)
    data: str = DEFAULT_DATA
    classes: tuple[str, ...] = ()
    per_class: int | None = None
    layers: str = "blocks"
    pooling: str = "avg"
    controls: tuple[str, ...] = tuple(CONTROLS)
    folds: int = 5
    repeats: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        for control in self.controls:
            if control not in CONTROLS:
                raise LabError(
                    f"there is no control {control!r}{nearest(control, CONTROLS)}; "
                    f"known: {', '.join(CONTROLS)}, all, none"
                )
        if not self.models:
            raise LabError("no model was named; name one, such as tf_efficientnet_lite0")
        if len(set(self.models)) < len(self.models):
            raise LabError(f"a model was named twice among {', '.join(self.models)}; name each once")
        for name, value, least, most in (
            ("per-class", self.per_class if self.per_class is not None else 2, 2, 1_000_000),
            ("folds", self.folds, 2, 20),
            ("repeats", self.repeats, 1, 50),
            ("seed", self.seed, 0, 2**31 - 1),
        ):
            if not least <= value <= most:
                raise LabError(f"{name} is {value}; it must be from {least} to {most}")

    def title(self) -> str:
        """Return "network, network on images"."""
        return f"{', '.join(model.split('@')[0] for model in self.models)} on {self.data}"

    def command(self) -> str:
        """Return the `feature-lab probe` line that asks the same; what is default is left out."""
        default = type(self)()
        words = ["feature-lab", "probe"]
        for model in self.models:
            words += ["--model", model]
        words += ["--data", self.data]
        if self.classes:
            words += ["--classes", ",".join(self.classes)]
        if self.controls != default.controls:
            words += ["--controls", ",".join(self.controls) or "none"]
        for option in ("per_class", "layers", "pooling", "folds", "repeats", "seed"):
            if getattr(self, option) != getattr(default, option):
                words += [f"--{option.replace('_', '-')}", str(getattr(self, option))]
        return shlex.join(words)

    def sources(self) -> dict[str, str]:
        """Return a stamp of the images' files and of each checkpoint."""
        from lab.images import stamp
        from lab.models import ModelRef

        models = {model: ModelRef.parse(model).stamp() for model in self.models}
        return {"data": stamp(self.data), **models}

    def canonical(self) -> Self:
        """Return the request with each model's weights spelled out, so that equal questions have equal names."""
        from lab.models import ModelRef

        return replace(self, models=tuple(str(ModelRef.parse(model)) for model in self.models))


def run(
    request: ProbeRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    pieces: Pieces | None = None,
) -> Result:
    """Return the probes, controls, maps and verdict for `request`.

    A network that cannot be computed is reported in the manifest's `problems` and the others go on. Raises LabError
    when the images cannot be used or no network could be computed.
    """
    from lab.experiments.separability_run import conduct

    return conduct(request, progress, compute, pieces if pieces is not None else {})


def probe(
    models: str | LoadedModel | Iterable[str | LoadedModel] = DEFAULT_MODEL,
    images: str | ImageSet = DEFAULT_DATA,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    **fields: Any,
) -> Result:
    """Probe every layer of one or more models on an image set; `fields` are those of `ProbeRequest`.

    Models and images may be given by name or as what `load_model` and `open_image_set` return. The result is kept
    by the caller only; the command line and the dashboard keep theirs as runs.
    """
    from lab.experiments.separability_run import conduct

    several = [models] if isinstance(models, str) or hasattr(models, "ref") else list(models)  # type: ignore[arg-type]
    names = tuple(model if isinstance(model, str) else str(model.ref) for model in several)
    given = None if isinstance(images, str) else images
    request = ProbeRequest(models=names, data=images if isinstance(images, str) else images.spec, **fields)
    return conduct(request.canonical(), progress, compute, {}, given)


def embeddings_of(
    result: Result,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
) -> dict[str, np.ndarray]:
    """Return the embeddings that a result was read off, float32 `(N, D)` by "model/layer", rows as its table of images.

    They come from the cache, or are computed again when it was emptied. Raises LabError when the images have changed
    since, or when the result is of another experiment.
    """
    from lab.embeddings import embed
    from lab.images import open_image_set
    from lab.layers import select_layers
    from lab.models import ModelRef, card

    request = result.request
    if not isinstance(request, ProbeRequest):
        raise LabError(f"run {request.run_id} answers another question and has no embeddings; name a probe run")
    images = open_image_set(request.data, classes=request.classes, per_class=request.per_class, progress=progress)
    if images.fingerprint != result.manifest["hashes"]["images"]:
        raise LabError(f"the images of {request.data} have changed since run {request.run_id}; run it again")
    found: dict[str, np.ndarray] = {}
    for model in result["layers"]["model"].unique():
        ref = ModelRef.parse(model)
        layers = select_layers(card(ref).layers, request.layers)
        vectors = embed(ref, images, layers, pooling=request.pooling, compute=compute, progress=progress)
        found |= {f"{model}/{layer}": vectors[layer] for layer in vectors}
    return found
