"""A finished run as one zip that opens on another computer: what was asked, what was found, nothing else.

    request.json, run.json     as in the run's folder (`lab.runs.folder`)
    tables/*.parquet           each with the SHA-256 that run.json has of it
    name.txt, tags.txt         what the user calls it

Whatever else a zip holds makes it no bundle, and nothing is unpacked before all names and sizes are known to be right.
A bundle is opened into a folder of its own and becomes a run only when its request gives its id and every table is the
one that its manifest names. Nothing in it is executed: JSON and Parquet are read, no pickles.
"""

from __future__ import annotations

import re
import secrets
import shutil
import stat
import zipfile
import zlib
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.experiments.base import Request
from lab.files import replacing, write_json
from lab.images.archive import check_directory_size
from lab.registry import EXPERIMENTS
from lab.runs.folder import OPENED, RunFolder
from lab.runs.tables import table_file
from lab.settings import home, runs_dir
from lab.shortages import LEAST_DISK, need_disk

NAMES = re.compile(r"request\.json|run\.json|name\.txt|tags\.txt|tables/\w+\.parquet")
MOST_FILES = 200
MOST_BYTES = 2 * 1024**3  # of all files unpacked
MOST_TEXT = 32 * 1024**2  # of one that is no table
MOST_RATIO = 200  # of JSON, which shrinks well
ENCRYPTED = 0x1
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError)


def write_bundle(run: RunFolder, path: Path) -> Path:
    """Write a finished run as a zip to `path` and return it; the same run gives the same bytes.

    Raises LabError when the run has no result, or one of its tables is not what was computed.
    """
    if problem := run.check_tables() if run.status == "finished" else run.problem or "it is not finished":
        raise LabError(f"run {run.id} cannot be bundled: {problem}")
    files = {name: run.path / name for name in ("request.json", "run.json", "name.txt", "tags.txt")}
    for table in run.manifest["tables"]:
        files[f"tables/{table}.parquet"] = table_file(run.path, table, run.manifest)
    with replacing(path) as out, zipfile.ZipFile(out, "w") as archive:
        for name, file in files.items():
            if file.is_file():
                entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
                packed = file.suffix == ".json"  # tables are compressed already
                entry.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
                archive.writestr(entry, file.read_bytes())
    return path


def open_bundle(path: Path, name: str = "") -> RunFolder:
    """Return the run in a bundle, put among the runs of this computer; the same run that is there already is left.
    `name` is what errors call the file.

    Raises LabError, in one sentence, for whatever is no bundle of this version, and for a run that is here with
    other numbers. Nothing is left behind then.
    """
    name = name or path.name
    entries = _entries(path, name)
    need_disk(sum(entry.file_size for entry in entries) + LEAST_DISK, home(), "a bundle")
    opening = home() / "opening" / secrets.token_hex(8)
    try:
        _unpack(path, entries, opening, name)
        return _placed(_checked(opening, name), name)
    finally:
        shutil.rmtree(opening, ignore_errors=True)


def _entries(path: Path, name: str) -> list[zipfile.ZipInfo]:
    """Return the entries of a zip that can be a bundle; raises LabError for any other file."""
    try:
        check_directory_size(path)
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except OSError as error:
        raise LabError(f"{name} cannot be read ({error.strerror or error})") from error
    except DAMAGED as error:
        raise LabError(f"{name} is no readable zip, so it is no bundle; `feature-lab bundle` makes one") from error
    names = [entry.filename for entry in entries]
    problem = next(filter(None, (_problem(entry) for entry in entries)), "")
    if len(entries) > MOST_FILES or len(set(names)) < len(names):
        problem = "it holds too many files, or one of them twice"
    elif not {"request.json", "run.json"} <= set(names):
        problem = "it has no request.json and run.json"
    elif sum(entry.file_size for entry in entries) > MOST_BYTES:
        problem = f"it would unpack to more than {MOST_BYTES / 1e9:.0f} GB"
    elif sum(entry.compress_size for entry in entries) > path.stat().st_size:
        problem = "its files lie on top of each other"
    if problem:
        raise LabError(f"{name} is no bundle of a run: {problem}")
    return entries


def _problem(entry: zipfile.ZipInfo) -> str:
    if not NAMES.fullmatch(entry.filename) or stat.S_ISLNK(entry.external_attr >> 16):
        return f"a run has no file {entry.filename[:80]!a}"
    if entry.header_offset < 0:  # what zipfile makes of a damaged end of the list of files
        return f"its {entry.filename} lies before its beginning"
    if entry.flag_bits & ENCRYPTED or entry.compress_type not in METHODS:
        return f"its {entry.filename} is locked, or packed in a way that is not read"
    most = MOST_BYTES if entry.filename.startswith("tables/") else MOST_TEXT
    if entry.file_size > min(most, MOST_RATIO * entry.compress_size + 1024):
        return f"its {entry.filename} would unpack to {entry.file_size / 1e6:.0f} MB"
    return ""


def _unpack(path: Path, entries: list[zipfile.ZipInfo], folder: Path, name: str) -> None:
    """Write the entries to `folder`, no more of each than it declares; zipfile checks what each was packed from."""
    (folder / "tables").mkdir(parents=True)
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in entries:
                with archive.open(entry) as packed, (folder / entry.filename).open("xb") as file:
                    shutil.copyfileobj(packed, file, 1 << 20)
    except DAMAGED as error:
        raise LabError(f"{name} is a damaged bundle ({error}); copy it again") from error


def _checked(folder: Path, name: str) -> RunFolder:
    """Return the unpacked run once it is known to be what it says."""
    run = RunFolder(folder)
    try:
        request, manifest = run.request, run.manifest
        problem = _mismatch(request, manifest) or run.check_tables()
    except LabError as error:  # a file that cannot be read, a question that this version does not know
        problem = str(error)
    if problem:  # what follows the first clause is for runs that are here
        raise LabError(f"{name} is no bundle that can be opened: {problem.partition(';')[0]}")
    return run


def _mismatch(request: Request, manifest: dict[str, Any]) -> str:
    """Return why a manifest is not that of a result of `request`, "" when it can be."""
    tables, files = manifest.get("tables"), manifest.get("files")
    if not isinstance(tables, dict) or not isinstance(files, dict) or set(tables) - set(files):
        return "its run.json does not name the tables and their digests"
    if manifest.get("run") != request.run_id or set(tables) - set(EXPERIMENTS[request.experiment].tables):
        return "what it found is not of what it asks"
    return ""


def _placed(run: RunFolder, name: str) -> RunFolder:
    """Move an unpacked run among the others."""
    target = RunFolder(runs_dir() / run.request.run_id)
    if target.path.exists():
        if target.status == "finished" and target.manifest["tables"] == run.manifest["tables"]:
            return target
        raise LabError(f"run {target.id} is here already, with other numbers or unfinished; delete it to open {name}")
    write_json(run.path / OPENED, {"file": name})
    target.path.parent.mkdir(parents=True, exist_ok=True)
    run.path.rename(target.path)
    return target
