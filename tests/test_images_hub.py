"""Published sets: read as torchvision reads them, fetched whole or not at all; a missing network is told at once."""

from __future__ import annotations

import hashlib
import http.server
import importlib.util
import io
import os
import pickle
import socket
import tarfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lab.errors import HubUnreachable, LabError
from lab.images import download as download_module
from lab.images import hub
from lab.images.download import Archive, download, require_reachable
from lab.images.types import ImageSet
from lab.progress import silent
from lab.settings import cache_dir

PETS = {
    "trainval": ["Abyssinian_1 1 1 1", "beagle_2 5 2 2", "great_pyrenees_3 16 2 9", "Birman_7 7 1 3"],
    "test": ["Abyssinian_10 1 1 1", "beagle_20 5 2 2", "great_pyrenees_30 16 2 9"],
}


def jpeg(seed: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (30, 40, 3), dtype=np.uint8)).save(stream, "JPEG")
    return stream.getvalue()


def make_pets(folder: Path) -> Path:
    (folder / "images").mkdir(parents=True)
    (folder / "annotations").mkdir()
    for split, lines in PETS.items():
        (folder / "annotations" / f"{split}.txt").write_text("\n".join(lines) + "\n")
        for line in lines:
            name = line.split()[0]
            (folder / "images" / f"{name}.jpg").write_bytes(jpeg(sum(map(ord, name))))
    return folder


def make_cifar(folder: Path, each: int = 6) -> Path:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number, name in enumerate(hub.CIFAR10.files):
        labels = [(number + k) % 10 for k in range(each)]
        content = {"data": rng.integers(0, 255, (each, 3072), dtype=np.uint8), "labels": labels, "batch_label": name}
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list(hub.CIFAR10_CLASSES)}, protocol=2))
    return folder


@pytest.fixture
def pets() -> Path:
    return make_pets(cache_dir("datasets") / "oxford-iiit-pet")


@pytest.fixture
def cifar() -> Path:
    return make_cifar(cache_dir("datasets") / "cifar-10-batches-py")


def open_pets(classes: tuple[str, ...] = (), per_class: int | None = None, *, breeds: bool = False) -> ImageSet:
    return hub.open_pets("oxford-pets", classes, per_class, silent, breeds=breeds)


def open_cifar(classes: tuple[str, ...] = (), per_class: int | None = None) -> ImageSet:
    return hub.open_cifar10("cifar10", classes, per_class, silent)


def test_pets_as_species_and_as_breeds(pets: Path) -> None:
    species, breeds = open_pets(), open_pets(breeds=True)
    assert species.classes == ("cat", "dog")
    assert np.bincount(species.labels).tolist() == [3, 4]
    assert breeds.classes == ("Abyssinian", "Beagle", "Birman", "Great Pyrenees")
    assert np.bincount(breeds.labels).tolist() == [2, 2, 1, 2]
    assert "cat/Birman_7.jpg" in {record.id for record in species.records}
    chosen = open_pets(("Beagle", "Abyssinian"), 1, breeds=True)
    assert chosen.classes == ("Beagle", "Abyssinian")
    assert chosen.labels.tolist() in ([0, 1], [1, 0])
    with pytest.raises(LabError, match="no class 'Begle'; nearest: Beagle"):
        open_pets(("Begle", "Birman"), breeds=True)


def test_pets_are_what_torchvision_reads(pets: Path) -> None:
    datasets = pytest.importorskip("torchvision.datasets")
    ours = open_pets()
    found = dict(zip((r.id.split("/")[1] for r in ours.records), range(len(ours)), strict=True))
    for split in PETS:
        theirs = datasets.OxfordIIITPet(pets.parent, split, target_types="binary-category", download=False)
        for path, (image, label) in zip(theirs._images, theirs, strict=True):
            index = found.pop(path.name)
            assert ours.records[index].label == label
            assert np.array_equal(ours.pixels(index), np.asarray(image.convert("RGB")))
    assert not found


def test_a_missing_or_damaged_photograph_is_set_aside(pets: Path) -> None:
    (pets / "images" / "beagle_2.jpg").unlink()
    (pets / "images" / "Birman_7.jpg").write_bytes(b"?")
    images = open_pets()
    assert {q.id for q in images.quarantined} == {"dog/beagle_2.jpg", "cat/Birman_7.jpg"}
    assert len(images) == 5


@pytest.mark.parametrize("line", ["../../../etc/passwd 1 1 1", "Abyssinian_1 1 7 1", "Abyssinian_1 1", "nonsense"])
def test_damaged_annotations_are_told(pets: Path, line: str) -> None:
    (pets / "annotations" / "test.txt").write_text(line)
    with pytest.raises(LabError, match=r"test\.txt, line 1"):
        open_pets()


def test_an_incomplete_set_is_told(pets: Path) -> None:
    (pets / "annotations" / "test.txt").unlink()
    with pytest.raises(LabError, match=r"incomplete \(no annotations/test.txt\); delete it"):
        open_pets()


def test_cifar_is_what_torchvision_reads(cifar: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("torchvision.datasets")
    monkeypatch.setattr(datasets.CIFAR10, "_check_integrity", lambda self: True)
    meta = hashlib.md5((cifar / "batches.meta").read_bytes()).hexdigest()
    monkeypatch.setattr(datasets.CIFAR10, "meta", datasets.CIFAR10.meta | {"md5": meta})
    ours = open_cifar()
    theirs = [item for train in (True, False) for item in datasets.CIFAR10(cifar.parent, train, download=False)]
    assert len(ours) == len(theirs) == 36
    for index, (image, label) in enumerate(theirs):
        assert ours.records[index].label == label
        assert np.array_equal(ours.pixels(index), np.asarray(image))


def test_cifar_classes_and_subsets(cifar: Path) -> None:
    images = open_cifar(("dog", "cat"), 2)
    assert images.classes == ("dog", "cat")
    assert np.bincount(images.labels).tolist() == [2, 2]
    assert all(record.id.startswith(images.classes[record.label]) for record in images.records)


# As Python 2 wrote the published files: protocol 2, byte strings, a dtype made from numbers.
PYTHON_2_ARRAY = (
    b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85U\x01b\x87Rq\x05"
    b"(K\x01K\x01M\x00\x0c\x86cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
    b"K\x00tb\x89T\x00\x0c\x00\x00" + bytes(range(256)) * 12 + b"tbU\x06labelsq\x08]q\tK\x03au."
)


def test_the_published_way_of_writing_is_read(cifar: Path) -> None:
    for name in hub.CIFAR10.files:
        (cifar / name).write_bytes(PYTHON_2_ARRAY)
    data, labels = hub._batch(cifar / "test_batch")
    assert data.shape == (1, 3072)
    assert data[0, :256].tolist() == list(range(256))
    assert labels.tolist() == [3]


class Hostile:
    def __reduce__(self) -> Any:
        return os.mkdir, (os.environ["HOSTILE_TARGET"],)


@pytest.mark.parametrize(
    "content",
    [
        Hostile(),
        {"data": Hostile(), "labels": []},
        {"data": np.zeros((2, 3072), np.uint8), "labels": [0, 10]},
        {"data": np.zeros((2, 3072), np.uint8), "labels": [0, -1]},
        {"data": np.zeros((2, 3000), np.uint8), "labels": [0, 1]},
        {"data": np.zeros((2, 3072), np.float32), "labels": [0, 1]},
        {"data": np.array([None, 1], object), "labels": [0, 1]},
        {"labels": [0]},
        [1, 2],
        eval,
    ],
)
def test_pickles_of_strangers_are_refused_and_never_run(
    cifar: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: object
) -> None:
    target = tmp_path / "executed"
    monkeypatch.setenv("HOSTILE_TARGET", str(target))
    (cifar / "data_batch_3").write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(LabError, match="data_batch_3"):
        open_cifar()
    assert not target.exists()


def test_truncated_pickles_are_refused(cifar: Path) -> None:
    path = cifar / "test_batch"
    content = path.read_bytes()
    for size in (0, 1, 100, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(LabError, match="test_batch"):
            open_cifar()


def test_addresses_and_checksums_are_torchvisions() -> None:
    spec = importlib.util.find_spec("torchvision")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "datasets"
    text = (folder / "oxford_iiit_pet.py").read_text() + (folder / "cifar.py").read_text()
    for archive in (*hub.OXFORD_PETS.archives, *hub.CIFAR10.archives):
        assert f'"{archive.url}"' in text
        assert f'"{archive.md5}"' in text


# ---- fetching


class Server(http.server.ThreadingHTTPServer):
    def __init__(self, files: dict[str, bytes], cut: int | None = None) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.send_response(405)
                self.end_headers()

            def do_GET(self) -> None:
                content = files.get(self.path)
                self.send_response(200 if content is not None else 404)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write((content or b"")[:cut])

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.files = files

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    servers = []

    def start(files: dict[str, bytes], cut: int | None = None) -> Server:
        server = Server(files, cut)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def packed(folder: Path, names: list[str]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name in names:
            archive.add(folder / name, name)
    return stream.getvalue()


def published(server: Server, original: hub.Published, paths: list[str]) -> hub.Published:
    archives = tuple(
        Archive(server.address(path), hashlib.md5(server.files[path]).hexdigest(), archive.into)
        for path, archive in zip(paths, original.archives, strict=True)
    )
    return replace(original, archives=archives)


def test_a_set_is_fetched_once_and_leaves_nothing_behind(
    tmp_path: Path, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_pets(tmp_path / "source")
    server = serve({"/i.tar.gz": packed(source, ["images"]), "/a.tar.gz": packed(source, ["annotations"])})
    monkeypatch.setattr(hub, "OXFORD_PETS", published(server, hub.OXFORD_PETS, ["/i.tar.gz", "/a.tar.gz"]))
    heard: list[str] = []
    images = hub.open_pets("oxford-pets", (), None, lambda stage, *_: heard.append(stage), breeds=False)
    assert len(images) == 7
    assert heard[0] == "Downloading Oxford-IIIT Pet"
    assert [path.name for path in cache_dir("datasets").iterdir()] == ["oxford-iiit-pet"]
    server.files.clear()
    assert open_pets() == images


def test_cifars_archive_lands_in_torchvisions_layout(
    tmp_path: Path, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_cifar(tmp_path / "cifar-10-batches-py")
    server = serve({"/c.tar.gz": packed(tmp_path, ["cifar-10-batches-py"])})
    monkeypatch.setattr(hub, "CIFAR10", published(server, hub.CIFAR10, ["/c.tar.gz"]))
    assert len(open_cifar()) == 36
    assert (cache_dir("datasets") / "cifar-10-batches-py" / "test_batch").is_file()


def hostile_tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        entry = tarfile.TarInfo("../../../../escaped.txt")
        archive.addfile(entry, io.BytesIO(b""))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "cut", "md5", "kind", "message"),
    [
        (b"not what was published", None, "0" * 32, LabError, "MD5 differs"),
        (b"no archive", None, None, LabError, "could not be unpacked"),
        (hostile_tar(), None, None, LabError, "could not be unpacked"),
        (b"x" * 5_000_000, 1000, None, LabError, "broke off|MD5 differs"),
        (None, None, "0" * 32, HubUnreachable, "could not be downloaded"),
    ],
    ids=["other bytes", "no archive", "hostile", "broken off", "not there"],  # an archive's own bytes hold the time
)
def test_a_failed_download_leaves_no_set(
    tmp_path: Path, serve: Any, content: bytes | None, cut: int | None, md5: str | None, kind: type, message: str
) -> None:
    server = serve({"/x.tar.gz": content} if content is not None else {}, cut)
    archive = Archive(server.address("/x.tar.gz"), md5 or hashlib.md5(content or b"").hexdigest())
    with pytest.raises(kind, match=message) as caught:
        download("The set", (archive,), tmp_path / "set", silent)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_unreachable_server_is_told_within_three_seconds_with_what_to_do_instead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given_up = threading.Event()

    def no_answer(*_: object, **__: object) -> None:  # a name service that does not answer
        given_up.wait(30)
        raise OSError("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", no_answer)
    started = time.perf_counter()
    with pytest.raises(HubUnreachable, match=r"Oxford-IIIT Pet.*www.robots.ox.ac.uk.*drawn:pets.*folder") as caught:
        open_pets()
    assert time.perf_counter() - started < 3
    given_up.set()
    assert "\n" not in str(caught.value)
    assert list(cache_dir("datasets").iterdir()) == []


def test_refused_and_silent_servers_are_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download_module, "PROBE_SECONDS", 0.3)
    with socket.socket() as silent_server:
        silent_server.bind(("127.0.0.1", 0))
        silent_server.listen()
        port = silent_server.getsockname()[1]
        with pytest.raises(HubUnreachable, match=r"cannot be reached|did not answer"):
            require_reachable(f"http://127.0.0.1:{port}/x", "The set")
    with pytest.raises(HubUnreachable, match=r"127\.0\.0\.1 cannot be reached"):
        require_reachable(f"http://127.0.0.1:{port}/x", "The set")
