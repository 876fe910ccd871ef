"""Fetching a published image set once, or saying within three seconds that it cannot be fetched.

An archive is checked against its published MD5 while it arrives, unpacked beside its place and moved there whole, so
a set is either complete or not there. A broken download starts from the beginning.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import tarfile
import tempfile
import threading
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from lab.errors import HubUnreachable, LabError
from lab.progress import Progress

PROBE_SECONDS: Final = 2.5
STALL_SECONDS: Final = 30.0
_CHUNK: Final = 1 << 20
INSTEAD: Final = "use drawn:pets, which needs no download, or a folder of your own images"


@dataclass(frozen=True)
class Archive:
    """A published .tar.gz: where it is, its MD5, and the folder of the set it is unpacked into ("" is the top)."""

    url: str
    md5: str
    into: str = ""


def require_reachable(url: str, what: str) -> None:
    """Raise HubUnreachable within three seconds when the server of `url` does not answer."""
    failure = _within(PROBE_SECONDS, lambda: _ask(url))
    if failure:
        server = urlsplit(url).hostname
        raise HubUnreachable(
            f"{what} has to be downloaded and {server} {failure}; connect to the network, or {INSTEAD}"
        )


def download(what: str, archives: Sequence[Archive], folder: Path, progress: Progress) -> None:
    """Fetch and unpack `archives` so that `folder` appears, whole; its parent must exist.

    Raises HubUnreachable when a server cannot be reached or stops, LabError when what came is not what was published.
    """
    require_reachable(archives[0].url, what)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".download-") as scratch:
        unpacked = Path(scratch) / "unpacked"
        for archive in archives:
            packed = Path(scratch) / "archive.tar.gz"
            _fetch(what, archive, packed, progress)
            _unpack(what, packed, unpacked / archive.into)
            packed.unlink()
        _move_whole(unpacked / folder.name, folder)


def _ask(url: str) -> str:
    request = urllib.request.Request(url, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=PROBE_SECONDS):
            return ""
    except urllib.error.HTTPError as answer:
        answer.close()
        return ""  # what it says to a real request is the download's business
    except (OSError, ValueError, http.client.HTTPException) as error:
        return f"cannot be reached ({getattr(error, 'reason', error)})"


def _within(seconds: float, ask: Callable[[], str]) -> str:
    """Return the answer of `ask`, or a failure after `seconds`: looking up a name has no time limit of its own."""
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(ask()), daemon=True)
    thread.start()
    thread.join(seconds)
    return answers[0] if answers else f"did not answer within {seconds:.1f} s"


def _fetch(what: str, archive: Archive, target: Path, progress: Progress) -> None:
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with urllib.request.urlopen(archive.url, timeout=STALL_SECONDS) as response, target.open("wb") as file:
            size = int(response.headers.get("Content-Length") or 0)
            done = 0
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                progress(f"Downloading {what}", done >> 20, max(size, done) >> 20, "MB")
    except urllib.error.HTTPError as error:
        error.close()
        raise HubUnreachable(f"{what} could not be downloaded ({error}); try again later, or {INSTEAD}") from None
    except urllib.error.URLError as error:
        raise HubUnreachable(f"{what} could not be downloaded ({error.reason}); try again, or {INSTEAD}") from error
    except OSError as error:
        raise HubUnreachable(f"The download of {what} broke off ({error}); try again, or {INSTEAD}") from error
    if digest.hexdigest() != archive.md5:
        raise LabError(f"{archive.url} did not send the published file of {what} (its MD5 differs); try again later")


def _unpack(what: str, packed: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(packed, "r:gz") as archive:
            archive.extractall(folder, filter="data")
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise LabError(f"{what} could not be unpacked into {folder} ({error}); check the disk's free space") from error


def _move_whole(unpacked: Path, folder: Path) -> None:
    """Put a finished set in its place; another process may have been first."""
    if folder.exists():
        return
    try:
        os.replace(unpacked, folder)
    except OSError:
        if not folder.exists():
            shutil.move(unpacked, folder)
