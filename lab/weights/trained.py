"""Weights that were trained here, `ID@lab:NAME`: a folder of checkpoints with their provenance, no pickles.

    HOME/trained/ID/NAME/model.json            architecture, options, input, classes, how it was trained, its steps
                         step-000120.safetensors    the weights after so many steps; step 0 is before training

`lab:NAME` is the network as training left it, `lab:NAME/120` the one after 120 steps. A folder counts as trained only
with its model.json, which is written last.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from lab.errors import LabError, nearest
from lab.files import read_json, write_bytes, write_json
from lab.settings import home
from lab.weights.checkpoints import load_by_name, read_tensors
from lab.weights.networks import Built, build_network, file_stamp

if TYPE_CHECKING:
    import torch
    from torch import nn

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}")
ABOUT = "model.json"


@dataclass(frozen=True)
class Trained:
    """A network that was trained here; `about` is its provenance."""

    id: str
    name: str
    about: Mapping[str, Any]

    @property
    def folder(self) -> Path:
        """Where its checkpoints are."""
        return trained_folder(self.id, self.name)

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps of its checkpoints, ascending; the first is 0."""
        return tuple(int(step) for step in self.about["steps"])

    @property
    def final(self) -> int:
        """The step whose weights `lab:NAME` means."""
        return int(self.about["final"])

    def ref(self, step: int | None = None) -> str:
        """Return the text that names the network, or its checkpoint at a step."""
        return f"{self.id}@lab:{self.name}" + (f"/{step}" if step is not None else "")

    def file(self, step: int) -> Path:
        """Return the path of a checkpoint."""
        return self.folder / f"step-{step:06d}.safetensors"


def trained_folder(id: str, name: str) -> Path:
    """Return the folder of a network's checkpoints; raises LabError for a name that cannot be one."""
    if not NAME.fullmatch(name):
        raise LabError(
            f"{name!r} cannot be the name of trained weights; use up to 60 small letters, digits, dots, - and _, such "
            "as pets-1"
        )
    return home() / "trained" / quote(id, safe="") / name


def list_trained() -> list[Trained]:
    """Return what was trained here, the newest first."""
    found = []
    for path in (home() / "trained").glob(f"*/*/{ABOUT}"):
        about = read_json(path)
        found.append((path.stat().st_mtime, Trained(unquote(path.parent.parent.name), path.parent.name, about)))
    return [trained for _, trained in sorted(found, key=lambda pair: pair[0], reverse=True)]


def find_trained(id: str, argument: str) -> tuple[Trained, int]:
    """Return what `ID@lab:ARGUMENT` names and its step; raises LabError when it is not there."""
    name, slash, step = argument.partition("/")
    about = read_json(trained_folder(id, name) / ABOUT) if name else None
    if about is None:
        known = [trained.ref() for trained in list_trained()]
        near = nearest(f"{id}@lab:{name}", known) or (f"; there are {', '.join(known[:6])}" if known else "")
        raise LabError(f"nothing named {name!r} was trained here for {id}{near}; `feature-lab train` makes one")
    trained = Trained(id, name, about)
    if not slash:
        return trained, trained.final
    if not step.isdecimal() or int(step) not in trained.steps:
        steps = ", ".join(map(str, trained.steps))
        raise LabError(f"{trained.ref()} has no checkpoint at step {step!r}; it has {steps}")
    return trained, int(step)


def keep_checkpoint(id: str, name: str, step: int, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write the weights after `step` steps."""
    from safetensors.torch import save

    content = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    path = trained_folder(id, name) / f"step-{step:06d}.safetensors"
    write_bytes(path, save(content, metadata={"model": id, "step": str(step)}))


def keep_about(id: str, name: str, about: Mapping[str, Any]) -> Trained:
    """Write the provenance, which makes the folder count, with a SHA-256 of each checkpoint; return the network."""
    folder = trained_folder(id, name)
    about = {**about, "sha256": {path.name: _sha256(path) for path in sorted(folder.glob("step-*.safetensors"))}}
    write_json(folder / ABOUT, about)
    return Trained(id, name, about)


def forget(id: str, name: str) -> None:
    """Delete a trained network; nothing happens when there is none."""
    shutil.rmtree(trained_folder(id, name), ignore_errors=True)


def check(id: str, argument: str) -> None:
    """Raise LabError when the weights are not there."""
    trained, step = find_trained(id, argument)
    if not trained.file(step).is_file():
        raise LabError(f"{trained.file(step)} is missing; train {trained.ref()} again")


def build(id: str, argument: str) -> Built:
    """Return the network as it was trained: its classes, its input size and its weights."""
    trained, step = find_trained(id, argument)
    path = trained.file(step)
    wanted = trained.about.get("sha256", {}).get(path.name)  # folders of earlier versions have none
    if wanted is not None and _sha256(path) != wanted:
        raise LabError(f"{path} is not the file that training wrote: its SHA-256 differs; train {trained.ref()} again")
    module = build_for_input(id, trained.about["input"], num_classes=len(trained.about["classes"]))
    load_by_name(module, read_tensors(path), path)
    return Built(module, (path, trained.folder / ABOUT))


def build_for_input(id: str, input: Mapping[str, Any], *, num_classes: int, seed: int = 0) -> nn.Module:
    """Return a network with random weights that is made for images of `input["size"]` pixels and says so.

    `input` holds size, mean and std; images are shrunk whole, nothing is cropped off. Networks whose weights depend
    on the image's size (transformers) are built for it.
    """
    size = int(input["size"])
    try:
        module = build_network(id, seed, num_classes=num_classes, img_size=size)
    except TypeError:  # most convolutional networks take images of any size and know no such option
        module = build_network(id, seed, num_classes=num_classes)
    own = {
        "input_size": (3, size, size),
        "crop_pct": 1.0,
        "crop_mode": "center",
        "interpolation": "bicubic",
        "mean": tuple(input["mean"]),
        "std": tuple(input["std"]),
    }
    module.pretrained_cfg = {**(module.pretrained_cfg or {}), **own}  # type: ignore[assignment, dict-item]
    return module


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stamp(id: str, argument: str) -> str:
    """Return a cheap text that changes when the weights do; "" when they are not there."""
    try:
        trained, step = find_trained(id, argument)
    except LabError:
        return ""
    return file_stamp(trained.file(step))
