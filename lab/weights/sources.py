"""Where a network's weights come from: one row of `SOURCES` each. A row checks before anything heavy is imported.

    check(id, argument)  -> raises LabError when the weights cannot be had; torch-free, within three seconds
    build(id, argument)  -> Built(module, files): the network with its weights, and the files they were read from

What reads checkpoints is in `checkpoints`, what asks the hub in `hub`. No pickle of a stranger is ever executed.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from lab.errors import LabError
from lab.roots import permitted
from lab.weights import in_memory, own_code, packaged, trained, zoo
from lab.weights.checkpoints import build_from_file, local_weights
from lab.weights.hub import build_from_hub, check_reachable, from_hub, is_hub_id
from lab.weights.networks import Built, build_network, file_stamp
from lab.weights.packaged import package_of

LOCAL_SCHEME = "local-dir:"
CHECKPOINT = "PATH[#PART]"


@dataclass(frozen=True)
class WeightSource:
    """A row of the table of sources. `argument` is what the name takes after a colon, "" when it takes nothing."""

    name: str
    title: str
    argument: str
    check: Callable[[str, str], None]
    build: Callable[[str, str], Built]
    stamp: Callable[[str, str], str]
    own_code: bool = False  # the network is no timm's: the user's module or file says what it is


def check_id(id: str) -> None:
    """Raise LabError when no network has this id; ids on the hub are not asked for here."""
    if id.startswith(LOCAL_SCHEME):
        _check_folder(_folder(id))
    elif not is_hub_id(id) and package_of(id) is None:  # packaged ones are known without reading timm's sources
        zoo.find(id)


def _folder(id: str) -> Path:
    return permitted(id.removeprefix(LOCAL_SCHEME))


def _check_folder(folder: Path) -> None:
    """Raise LabError when a folder holds no configuration of a network of timm."""
    path = folder / "config.json"
    if not path.is_file():
        raise LabError(f"{folder} holds no config.json; local-dir: wants a folder that timm's save_for_hf has written")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LabError(f"{path} is no readable JSON ({error}); download or save it again") from error
    name = config.get("architecture") if isinstance(config, dict) else None
    if not isinstance(name, str):
        made = config.get("architectures") if isinstance(config, dict) else None
        of = f"of transformers ({made[0]})" if isinstance(made, list) and made else "not one of timm"
        raise LabError(
            f"{path} is {of} and names no architecture of timm; give timm's id of the network with the file: "
            f"ID@checkpoint:{folder / 'model.safetensors'}"
        )
    zoo.find(name)
    if not all(isinstance(config.get(key, {}), dict) for key in ("pretrained_cfg", "model_args")):
        raise LabError(f"{path}: pretrained_cfg and model_args are not tables of settings; download or save it again")


# --- pretrained -----------------------------------------------------------------------------------------------------


def _check_pretrained(id: str, argument: str) -> None:
    check_id(id)
    if not id.startswith(LOCAL_SCHEME):
        check_reachable(id)


def _build_pretrained(id: str, argument: str) -> Built:
    if id.startswith(LOCAL_SCHEME):
        folder = _folder(id)
        weights = local_weights(folder)
        built = build_from_file(functools.partial(build_network, id), weights)
        return replace(built, files=(folder / "config.json", weights))
    return Built(*build_from_hub(id))


def _stamp_pretrained(id: str, argument: str) -> str:
    if not id.startswith(LOCAL_SCHEME):
        return zoo.timm_version()
    files = sorted(path for path in _folder(id).glob("*") if path.is_file())
    return " ".join(file_stamp(path) for path in files)


# --- checkpoint -----------------------------------------------------------------------------------------------------


def _check_checkpoint(id: str, argument: str) -> None:
    check_id(id)
    if not argument:
        raise LabError(f"@checkpoint needs a file: {id}@checkpoint:PATH")
    path, _ = _file_and_part(argument)
    if not path.is_file():
        raise LabError(f"there is no checkpoint {path}; give the path of a .safetensors or .pth file")


def _build_checkpoint(id: str, argument: str) -> Built:
    path, part = _file_and_part(argument)
    return build_from_file(functools.partial(build_network, id), path, part)


def _stamp_checkpoint(id: str, argument: str) -> str:
    return file_stamp(_file_and_part(argument)[0])


def _file_and_part(argument: str) -> tuple[Path, str]:
    """Return the file and which of the networks in it is meant: PATH#student; a file of that very name comes first."""
    path, sign, part = argument.rpartition("#")
    if sign and not permitted(argument).is_file():
        return permitted(path), part
    return permitted(argument), ""


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
        WeightSource("packaged", "installed with pip", "", packaged.check, packaged.build, packaged.stamp),
        WeightSource("pretrained", "from timm's hub", "", _check_pretrained, _build_pretrained, _stamp_pretrained),
        WeightSource(
            "checkpoint", "from a file", "PATH[#PART]", _check_checkpoint, _build_checkpoint, _stamp_checkpoint
        ),
        WeightSource("untrained", "random, seeded", "SEED", _check_untrained, _build_untrained, _stamp_untrained),
        WeightSource("lab", "trained here", "NAME", trained.check, trained.build, trained.stamp),
        WeightSource("memory", "of this process", "DIGEST", in_memory.check, in_memory.build, in_memory.stamp),
        WeightSource(
            "python", "a module from Python", "DIGEST[/SEED]", own_code.check, own_code.build, own_code.stamp, True
        ),
        WeightSource(
            "code", "made by a file", "[SEED]", own_code.check_code, own_code.build_code, own_code.stamp_code, True
        ),
    )
}
