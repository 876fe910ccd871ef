"""What a run's folder says, read so that any damage is a sentence and never an accident of whoever reads."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.experiments.base import Request
from lab.files import read_json
from lab.registry import request_from
from lab.runs.tables import WAY_OUT, missing_or_resized


def document(folder: Path, name: str) -> dict[str, Any] | None:
    """Return a JSON object of a run's folder, None when it is not there; raises LabError for anything else."""
    try:
        values = read_json(folder / name)
    except LabError as error:
        raise LabError(f"its {name} cannot be read ({error.__cause__}); {WAY_OUT}") from error
    except OSError as error:
        raise LabError(f"its {name} cannot be read ({error.strerror}); {WAY_OUT}") from error
    if values is None or isinstance(values, dict):
        return values
    raise LabError(f"its {name} is not what the lab writes; {WAY_OUT}")


def request_of(folder: Path) -> Request:
    """Return what a run asks; raises LabError when its folder does not say it in a way this version understands."""
    try:
        seen = (folder / "request.json").stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise LabError(
            f"{folder} is not a run folder, it holds no request.json; name a run that `feature-lab runs` lists"
        ) from error
    except OSError as error:
        raise LabError(f"its request.json cannot be read ({error.strerror}); {WAY_OUT}") from error
    return _request_in(folder, (seen.st_ino, seen.st_size, seen.st_mtime_ns))


@functools.lru_cache(maxsize=8192)
def _request_in(folder: Path, version: tuple[int, ...]) -> Request:
    """Read a request once for each version of its file: lists of runs ask for it over and over."""
    values = document(folder, "request.json")
    try:
        return request_from(values or {})
    except (LabError, AttributeError, TypeError, ValueError) as error:
        raise LabError(f"its request.json asks nothing that this version knows ({error}); {WAY_OUT}") from error


def damage_of(folder: Path) -> str:
    """Return a sentence on the first file that is missing or cannot be what the lab wrote, "" when all look sound.

    The tables' files are not read for it (`lab.runs.tables.changed_table` does).
    """
    if not folder.exists():
        return ""
    try:
        if not folder.name.isprintable():
            return f"its folder's name {folder.name!a} cannot be shown; rename the folder"
        request_of(folder)
        manifest = document(folder, "run.json")
        if manifest is not None:
            return _damage_of_result(folder, manifest)
        if document(folder, "error.json") is None:
            worker = document(folder, "worker.json")
            if worker is not None and not {"pid", "started"} <= worker.keys():
                return f"its worker.json names no process; {WAY_OUT}"
    except LabError as error:
        return str(error)
    return ""


def _damage_of_result(folder: Path, manifest: dict[str, Any]) -> str:
    files = manifest.get("files", {})
    sound = isinstance(manifest.get("tables"), dict) and isinstance(files, dict)
    if not sound or not all(isinstance(file, dict) and {"bytes", "sha256"} <= file.keys() for file in files.values()):
        return f"its run.json does not say which tables it has; {WAY_OUT}"
    return missing_or_resized(folder, manifest)
