"""A network and one picture, ready to be looked into: what the questions about building have in common."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from lab.encode import png
from lab.experiments.base import Request
from lab.experiments.manifest import result_with_findings
from lab.experiments.picture import open_picture
from lab.experiments.result import Result
from lab.models import LoadedModel, load_model
from lab.models.devices import placed
from lab.models.preprocess import normalised, pixels_for
from lab.progress import Progress
from lab.settings import Compute
from lab.weights.networks import build_network
from lab.weights.trained import build_for_input, find_trained

if TYPE_CHECKING:
    from torch import Tensor, nn

    from lab.experiments.windows import Call


@dataclass(frozen=True)
class ModelAndPicture:
    """A loaded network, the pixels it sees, uint8 `(3, H, W)`, and the same normalised, `(1, 3, H, W)`."""

    model: LoadedModel
    pixels: Tensor
    image: Tensor
    digest: str

    def watched(self, see: Callable[[Call], None], *, double: bool = False) -> None:
        """Run the network on the picture and hand every windowed call to `see`."""
        import torch

        from lab.experiments.windows import watch

        module = copy.deepcopy(self.model.module).double() if double else self.model.module
        image = self.image.double() if double else self.image
        with torch.no_grad(), watch(module, see):
            module(image)

    def picture_table(self) -> pd.DataFrame:
        """Return the picture as the network sees it: one row, its size and a PNG."""
        shown = self.pixels.permute(1, 2, 0).cpu().numpy()
        return pd.DataFrame([{"height": shown.shape[0], "width": shown.shape[1], "thumbnail": png(shown)}])

    def result(self, request: Request, tables: dict[str, pd.DataFrame], sentences: list[str], **more: Any) -> Result:
        """Return the tables as a result with the manifest that every run has."""
        hashes = {str(self.model.ref): self.model.weights_digest, "picture": self.digest}
        return result_with_findings(request, tables, sentences, hashes=hashes, **more)


def random_weights(model: LoadedModel, seed: int) -> nn.Module:
    """Return the network's architecture, with as many classes, and weights drawn from a seed; frozen, in eval mode.

    It is on the network's device and in its precision.
    """
    ref = model.ref
    if ref.source.name == "lab":
        about = find_trained(ref.id, ref.argument)[0].about
        built = build_for_input(ref.id, about["input"], num_classes=len(about["classes"]), seed=seed)
    else:
        twin = ref.twin(seed)
        built = twin.source.build(twin.id, twin.argument).module
        classes = getattr(model.module, "num_classes", None)
        if classes != getattr(built, "num_classes", None):  # a checkpoint's own
            built = build_network(ref.id, seed, num_classes=classes)
    return placed(built.eval().requires_grad_(False), model.device, ref.precision)


def load_model_and_picture(
    model: str,
    picture: str,
    progress: Progress,
    compute: Compute = Compute(device="cpu"),  # noqa: B008 - frozen
) -> ModelAndPicture:
    """Return a network, on the CPU unless `compute` names another device, and the picture as it sees it."""
    progress("Opening the network and the picture", 0, 3, "steps")
    images = open_picture(picture)
    loaded = load_model(model, device=compute.device)
    pixels = pixels_for(images, 0, loaded.preprocessing)
    return ModelAndPicture(loaded, pixels, normalised(pixels[None], loaded.preprocessing), images.digests[0])
