"""Weights from timm's hub: out of the local cache without asking the network, or after a look whether it answers.

huggingface_hub retries for the better part of a minute when the hub is out of reach, so reachability is found out
first, with one request that must answer within `PATIENCE`. Weights that are in its cache are loaded in its offline
mode.
"""

from __future__ import annotations

import http.client
import os
import threading
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.errors import HubUnreachable, LabError
from lab.weights import zoo
from lab.weights.networks import check_room, own_random_state
from lab.weights.reading import check_archive, check_number_types

if TYPE_CHECKING:
    from torch import nn

PATIENCE = 2.5  # seconds; with the time to start a request, the answer comes within three
SCHEMES = ("hf-hub:", "hf_hub:")
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin", "open_clip_model.safetensors", "open_clip_pytorch_model.bin")
# huggingface_hub's offline switch is one global, so loading from its cache is done by one thread at a time
_SWITCH = threading.RLock()


def is_hub_id(id: str) -> bool:
    """Return whether an id names a repository on the hub itself."""
    return id.startswith(SCHEMES)


def check_reachable(id: str) -> None:
    """Raise HubUnreachable when the weights of `id` are neither in the local cache nor can be asked for.

    Raises LabError when there are none to be had.
    """
    origin = _origin(id)
    if origin == NOWHERE:
        raise LabError(f"there are no pretrained weights for {id!r}; use {id}@untrained or {id}@checkpoint:FILE")
    if cached_weights(id) is None and not reachable(hub_address() if origin.repository else origin.url):
        offline = " (HF_HUB_OFFLINE is set)" if _told_to_stay_offline() else ""
        raise HubUnreachable(
            f"the pretrained weights of {id!r} are not in the local cache and their hub cannot be reached{offline}; "
            f"go online, or {_instead(id)}"
        )


def cached_weights(id: str) -> Path | None:
    """Return the file with the weights of a timm or hub id in the local cache, or None. Does not import torch."""
    from huggingface_hub import constants, try_to_load_from_cache

    origin = _origin(id)
    if origin.url and not origin.repository:
        path = _torch_hub() / "checkpoints" / origin.url.rpartition("/")[2]
        return path if path.is_file() else None
    if not origin.repository or not Path(constants.HF_HUB_CACHE).is_dir():
        return None
    for name in WEIGHT_FILES:
        found = try_to_load_from_cache(
            origin.repository, name, cache_dir=constants.HF_HUB_CACHE, revision=origin.revision
        )
        if isinstance(found, str):
            return Path(found)
    return None


def cached_repositories() -> set[str]:
    """Return the repositories of which the local cache holds weights."""
    from huggingface_hub import constants

    folders = Path(constants.HF_HUB_CACHE).glob("models--*/snapshots/*/*")
    return {
        path.parent.parent.parent.name.removeprefix("models--").replace("--", "/")
        for path in folders
        if path.name in WEIGHT_FILES
    }


def hub_address() -> str:
    """Return the hub's address, which users can set with HF_ENDPOINT."""
    from huggingface_hub import constants

    return str(constants.ENDPOINT)


def reachable(address: str, patience: float = PATIENCE) -> bool:
    """Return whether a web address answers at all within `patience` seconds.

    Looking up a name has no time limit of its own, so the request is made in a thread that is left behind.
    """
    if _told_to_stay_offline():
        return False
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(_answers(address, patience)), daemon=True)
    thread.start()
    thread.join(patience)
    return bool(answers and answers[0])


def build_from_hub(id: str) -> tuple[nn.Module, tuple[Path, ...]]:
    """Return timm's pretrained network and the cached file its weights came from.

    Raises LabError when there are no weights of that name, they are damaged or need more memory than there is,
    HubUnreachable when a download fails.
    """
    import timm
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    try:
        with from_hub(id), warnings.catch_warnings(), own_random_state(0):
            warnings.simplefilter("ignore")  # timm warns of renamed models; the id is the user's choice
            check_room(id)
            if there := cached_weights(id):
                check_archive(there)
            module = timm.create_model(id, pretrained=True)
            if there := cached_weights(id):
                check_number_types(there)
    except RepositoryNotFoundError as error:
        raise LabError(f"the hub has no repository for {id!r}, or it is private; check the id") from error
    except (HfHubHTTPError, OSError) as error:  # a file that is not in the cache while offline is an OSError
        raise HubUnreachable(
            f"the pretrained weights of {id!r} could not be fetched ({_line(error)}); try again, or {_instead(id)}"
        ) from error
    except RuntimeError as error:
        raise LabError(f"timm has no pretrained weights for {id!r} ({_line(error)}); {_instead(id)}") from error
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        AssertionError,
    ) as error:  # a configuration of another kind
        raise LabError(
            f"{id!r} is no network of timm (its config.json: {type(error).__name__} {_line(error)}); give timm's id of "
            "the network with the file: ID@checkpoint:FILE"
        ) from error
    path = cached_weights(id)
    return module, (path,) if path else ()


@contextmanager
def from_hub(id: str) -> Iterator[None]:
    """Keep huggingface_hub offline while the weights of `id` are taken from its cache, if they are there."""
    from huggingface_hub import constants

    if cached_weights(id) is None:
        yield
        return
    with _SWITCH:
        before = constants.HF_HUB_OFFLINE
        constants.HF_HUB_OFFLINE = True
        try:
            yield
        finally:
            constants.HF_HUB_OFFLINE = before


@dataclass(frozen=True)
class _Origin:
    """Where weights lie: a repository on the hub (at a revision), or a file at a web address."""

    repository: str = ""
    revision: str | None = None
    url: str = ""


NOWHERE = _Origin()


def _origin(id: str) -> _Origin:
    for scheme in SCHEMES:
        if id.startswith(scheme):
            name, _, revision = id.removeprefix(scheme).partition("@")
            return _Origin(name, revision or None)
    tag = zoo.find(id)[1]
    if tag is None and "." in id:  # timm composes a few tags while it is imported; its own word counts then
        return _Origin(f"timm/{id}")
    return _Origin(tag.hub, None, tag.url) if tag else NOWHERE


def _told_to_stay_offline() -> bool:
    told = (os.environ.get(name, "").upper() for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))
    return any(value in ("1", "ON", "YES", "TRUE") for value in told)


def _torch_hub() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
    return Path(os.environ.get("TORCH_HOME", cache / "torch")).expanduser() / "hub"


def _instead(id: str) -> str:
    return f"use a packaged model (tf_efficientnet_lite0), {id}@checkpoint:FILE or {id}@untrained"


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160]


def _answers(address: str, patience: float) -> bool:
    request = urllib.request.Request(address, method="HEAD", headers={"User-Agent": "feature-hierarchy-lab"})
    try:
        urllib.request.urlopen(request, timeout=patience).close()
    except urllib.error.HTTPError as error:  # it answered, if only to refuse
        error.close()
        return True
    except (OSError, ValueError, http.client.HTTPException):
        return False
    return True
