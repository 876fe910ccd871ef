"""Folders and zips as image sets: the same promises for both, and one clear sentence for what cannot be used."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import struct
import threading
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from lab.errors import LabError
from lab.images import archive, folder, layout
from lab.images.archive import read_zip
from lab.images.assemble import assemble
from lab.images.decode import decode
from lab.images.folder import folder_stamp, read_folder
from lab.images.layout import arrange
from lab.images.types import ImageSet, balanced_positions
from lab.progress import silent

Files = Mapping[str, bytes]


def picture(seed: int, kind: str = "PNG") -> bytes:
    rng = np.random.default_rng(seed)
    stream = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (24, 32, 3), dtype=np.uint8)).save(stream, kind)
    return stream.getvalue()


def pets(each: int = 3, wrap: str = "") -> dict[str, bytes]:
    return {
        f"{wrap}{name}/{name}.{k}.png": picture(100 * c + k)
        for c, name in enumerate(("cat", "dog"))
        for k in range(each)
    }


def as_folder(root: Path, files: Files) -> Path:
    for name, content in files.items():
        path = root / "set" / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return root / "set"


def as_zip(root: Path, files: Files) -> Path:
    path = root / "set.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def opened(path: Path, classes: tuple[str, ...] = (), per_class: int | None = None) -> ImageSet:
    tree = read_folder(path) if path.is_dir() else read_zip(path)
    return assemble(str(path), arrange(tree, classes), per_class, silent)


Maker = Callable[[Path, Files], Path]


@pytest.fixture(params=[as_folder, as_zip], ids=["folder", "zip"])
def make(request: pytest.FixtureRequest) -> Maker:
    return request.param


def reasons(images: ImageSet) -> dict[str, str]:
    return {q.id: q.reason for q in images.quarantined}


def test_one_subfolder_per_class(make: Maker, tmp_path: Path) -> None:
    files = pets()
    images = opened(make(tmp_path, files))
    assert images.classes == ("cat", "dog")
    assert [record.id for record in images.records] == sorted(files)
    assert images.labels.tolist() == [0, 0, 0, 1, 1, 1]
    for index, record in enumerate(images.records):
        assert np.array_equal(images.pixels(index), decode(files[record.id]))
        assert (record.width, record.height) == (32, 24)
    assert images.quarantined == ()


def test_folder_and_zip_of_it_are_the_same_set(tmp_path: Path) -> None:
    files = pets() | {"cat/broken.jpg": b"no", "dog/nested/deep/x.png": picture(7)}
    assert opened(as_folder(tmp_path, files)).fingerprint == opened(as_zip(tmp_path, files)).fingerprint


@pytest.mark.parametrize("wrap", ["pets/", "my pets/images/"])
def test_a_folder_around_the_classes_is_stepped_into(make: Maker, tmp_path: Path, wrap: str) -> None:
    images = opened(
        make(tmp_path, pets(wrap=wrap) | {f"{wrap}README.txt": b"hello", "__MACOSX/pets/cat/._x.png": b"x"})
    )
    assert images.classes == ("cat", "dog")
    assert images.records[0].id == "cat/cat.0.png"


def test_junk_and_other_files_are_ignored(make: Maker, tmp_path: Path) -> None:
    junk = "cat/.DS_Store cat/._cat.0.png cat/Thumbs.db cat/desktop.ini __MACOSX/cat/._cat.0.png .git/objects/x.png"
    others = "dog/.hidden/y.png dog/notes.txt labels.csv"
    images = opened(make(tmp_path, pets() | dict.fromkeys(f"{junk} {others}".split(), b"junk")))
    assert len(images) == 6
    assert images.quarantined == ()
    assert images.notes == (
        "2 other files hold no image and were ignored: 1 .csv (such as 'labels.csv'), 1 .txt (such as 'dog/notes.txt')",
    )


def test_what_cannot_be_used_is_set_aside_with_a_reason(make: Maker, tmp_path: Path) -> None:
    bad = {
        "cat/empty.jpg": b"",
        "cat/text.jpg": b"I am not an image",
        "cat/half.png": picture(55)[:700],
        "cat/phone.HEIC": b"....ftypheic",
        "dog/UPPER.JPG": picture(56, "JPEG"),
        "top.png": picture(57),
    }
    images = opened(make(tmp_path, pets() | bad))
    told = reasons(images)
    assert told.keys() == {"cat/empty.jpg", "cat/text.jpg", "cat/half.png", "cat/phone.HEIC", "top.png"}
    assert told["cat/empty.jpg"] == "empty file"
    assert "not a JPEG" in told["cat/text.jpg"]
    assert "truncated" in told["cat/half.png"]
    assert "HEIC" in told["cat/phone.HEIC"]
    assert "class folder" in told["top.png"]
    assert "dog/UPPER.JPG" in {record.id for record in images.records}


def test_the_same_file_in_two_classes_is_in_neither(make: Maker, tmp_path: Path) -> None:
    twice = {"cat/stray.png": picture(77), "dog/stray.png": picture(77), "dog/stray2.png": picture(77)}
    images = opened(make(tmp_path, pets() | twice))
    assert set(reasons(images)) == set(twice)
    assert "'dog'" in reasons(images)["cat/stray.png"]
    assert "'cat'" in reasons(images)["dog/stray2.png"]
    assert len(images) == 6


def test_the_same_file_twice_in_one_class_stays_in_one_group(make: Maker, tmp_path: Path) -> None:
    images = opened(make(tmp_path, pets() | {"cat/again.png": pets()["cat/cat.1.png"]}))
    groups = {record.id: record.group for record in images.records}
    assert groups["cat/again.png"] == groups["cat/cat.1.png"]
    assert len(set(groups.values())) == 6


ODD_NAMES = [
    "=cmd|' ∕C calc'!A0",
    "**bold** [link](javascript:alert(1)) `x`",
    "<script>alert(1)<∕script>",
    "emoji 🐈 and ünïcode",
    "line\nbreak\ttab",
    "quote\"'$(rm)",
    "-rf",
    "a,b;c",
    "مرحبا",
]


def test_odd_class_and_file_names_survive_as_data(make: Maker, tmp_path: Path) -> None:
    files = {f"{name}/{name}.png": picture(k) for k, name in enumerate(ODD_NAMES)}
    images = opened(make(tmp_path, files))
    assert sorted(images.classes) == sorted(ODD_NAMES)
    assert {record.id for record in images.records} == set(files)
    for record in images.records:
        assert images.classes[record.label] == record.id.split("/")[0]
    chosen = opened(make(tmp_path, files), classes=(ODD_NAMES[3], ODD_NAMES[0]))
    assert chosen.classes == (ODD_NAMES[3], ODD_NAMES[0])


def test_classes_are_chosen_in_the_order_asked(make: Maker, tmp_path: Path) -> None:
    path = make(tmp_path, pets() | {"bird/b.png": picture(9)})
    assert opened(path).classes == ("bird", "cat", "dog")
    images = opened(path, classes=("dog", "bird"))
    assert images.classes == ("dog", "bird")
    assert {r.id.split("/")[0]: r.label for r in images.records} == {"dog": 0, "bird": 1}


def test_an_accented_class_is_found_however_it_is_typed(tmp_path: Path) -> None:
    path = as_zip(tmp_path, {"cafe\u0301/a.png": picture(1), "bar/b.png": picture(2)})
    assert opened(path, classes=("caf\u00e9", "bar")).classes == ("cafe\u0301", "bar")


UNUSABLE: dict[str, tuple[dict[str, bytes], tuple[str, ...], str]] = {
    "nothing at all": ({}, (), "holds no folders"),
    "loose images": ({"a.png": picture(1), "b.png": picture(2)}, (), "2 images but no folders"),
    "one class": ({"cat/a.png": picture(1)}, (), "only the class 'cat'"),
    "an empty class": (pets() | {"bird/": b""}, ("cat", "bird"), "'bird'.*no usable image"),
    "a class of text files": (pets() | {"bird/readme.txt": b"x"}, ("cat", "bird"), "'bird'.*no usable image"),
    "a class of broken files": (pets() | {"bird/b.jpg": b"no"}, (), "'bird'.*'bird/b.jpg': not a JPEG"),
    "a class of phone files": (pets() | {"bird/b.heic": b"no"}, (), "'bird'.*HEIC files are not read"),
    "unknown class": (pets(), ("cat", "dgo"), "no class 'dgo'; nearest: dog"),
    "unlike any class": (pets(), ("cat", "zebra"), "no class 'zebra'; it has 'cat', 'dog'"),
    "one class asked for": (pets(), ("cat",), "only the class 'cat'"),
    "one class asked for twice": (pets(), ("cat", "cat"), "only the class 'cat'"),
    "splits without classes": (
        {"train/a.png": picture(1), "val/b.png": picture(2)},
        (),
        "splits .'train', 'val'. without",
    ),
    "two levels that could be classes": (
        pets(wrap="garden/") | pets(wrap="house/"),
        (),
        "'garden', 'house' with the same folders .'cat', 'dog'. in each.*garden,house or cat,dog",
    ),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_is_no_image_set_is_told_in_one_sentence(make: Maker, tmp_path: Path, name: str) -> None:
    files, classes, message = UNUSABLE[name]
    (tmp_path / "set").mkdir()
    with pytest.raises(LabError, match=message) as caught:
        opened(make(tmp_path, files), classes)
    assert "\n" not in str(caught.value)
    assert "set" in str(caught.value)


def test_an_empty_class_that_was_not_asked_for_does_not_matter(make: Maker, tmp_path: Path) -> None:
    images = opened(make(tmp_path, pets() | {"bird/": b""}), classes=("dog", "cat"))
    assert len(images) == 6


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.integers(1, 9), min_size=2, max_size=3),
    broken=st.sets(st.integers(0, 26)),
    per_class=st.integers(1, 9),
)
def test_a_subset_is_the_one_balanced_positions_would_choose(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], broken: set[int], per_class: int
) -> None:
    files, number = {}, 0
    for name, size in zip("abc", sizes, strict=False):
        for k in range(size):
            usable = k == 0 or number not in broken
            files[f"{name}/{k}.png"] = picture(number) if usable else b"broken %d" % number
            number += 1
    path = as_zip(tmp_path_factory.mktemp("sets"), files)
    everything, subset = opened(path), opened(path, per_class=per_class)
    chosen = balanced_positions(everything.labels.tolist(), everything.digests, per_class)
    assert [r.id for r in subset.records] == [everything.records[k].id for k in chosen]


def test_a_file_that_changes_while_in_use_is_noticed(tmp_path: Path) -> None:
    path = as_folder(tmp_path, pets())
    images = opened(path)
    (path / "cat" / "cat.0.png").write_bytes(picture(999))
    (path / "cat" / "cat.1.png").unlink()
    with pytest.raises(LabError, match=r"cat/cat\.0\.png was changed"):
        images.pixels(0)
    with pytest.raises(LabError, match=r"cat/cat\.1\.png: cannot be read"):
        images.pixels(1)
    images.pixels(2)


def test_many_threads_read_the_right_pixels(make: Maker, tmp_path: Path) -> None:
    files = pets(each=20)
    images = opened(make(tmp_path, files))
    expected = [decode(files[record.id]) for record in images.records]
    assert len(expected) == 40
    with ThreadPoolExecutor(8) as pool:
        for index, pixels in zip([*range(40)] * 5, pool.map(images.pixels, [*range(40)] * 5), strict=True):
            assert np.array_equal(pixels, expected[index])


# ---- what only folders have


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    path = as_folder(tmp_path, pets())
    (tmp_path / "secret.png").write_bytes(picture(66))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "e.png").write_bytes(picture(67))
    (path / "cat" / "out.png").symlink_to(tmp_path / "secret.png")
    (path / "cat" / "nowhere.png").symlink_to(path / "gone.png")
    (path / "cat" / "inside.png").symlink_to(path / "cat" / "cat.0.png")
    (path / "cat" / "others").symlink_to(tmp_path / "elsewhere")
    (path / "dog" / "loop").symlink_to(path)
    images = opened(path)
    told = reasons(images)
    assert "outside the folder" in told["cat/out.png"]
    assert "not there" in told["cat/nowhere.png"]
    assert "not followed" in told["cat/others"]
    assert "not followed" in told["dog/loop"]
    assert {r.id for r in images.records} == {*pets(), "cat/inside.png"}


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(as_folder(tmp_path, pets()))
    assert len(opened(tmp_path / "link")) == 6


def test_special_files_are_not_opened(tmp_path: Path) -> None:
    path = as_folder(tmp_path, pets())
    os.mkfifo(path / "cat" / "pipe.png")
    assert reasons(opened(path)) == {"cat/pipe.png": "not a regular file"}


def test_unreadable_files_are_set_aside_and_unreadable_folders_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = as_folder(tmp_path, pets())
    real_open, real_scandir = open, os.scandir

    def no_entry(name: object, *rest: object) -> object:
        if str(name).endswith("cat.1.png"):
            raise PermissionError(13, "Permission denied")
        return real_open(name, *rest)  # type: ignore[call-overload]

    monkeypatch.setattr(folder, "open", no_entry, raising=False)
    assert reasons(opened(path)) == {"cat/cat.1.png": "cannot be read (permission denied)"}

    def no_listing(name: str) -> object:
        if name.endswith("dog"):
            raise PermissionError(13, "Permission denied")
        return real_scandir(name)

    monkeypatch.setattr(folder.os, "scandir", no_listing)
    with pytest.raises(LabError, match=r"dog cannot be read \(permission denied\)"):
        opened(path)


def test_names_that_are_no_text_can_still_be_stored(tmp_path: Path) -> None:
    path = as_folder(tmp_path, pets())
    try:
        with open(os.fsencode(path / "cat") + b"/\xff\xfe.png", "wb") as file:
            file.write(picture(3))
    except OSError:
        pytest.skip("this file system only takes UTF-8 names")
    images = opened(path)
    odd = next(record for record in images.records if "udcff" in record.id)
    assert odd.id.encode()
    assert images.fingerprint
    assert images.pixels(images.records.index(odd)).shape == (24, 32, 3)
    assert folder_stamp(path)


def test_too_many_files_are_refused(make: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "MAX_FILES", 5)
    monkeypatch.setattr(archive, "MAX_FILES", 5)
    with pytest.raises(LabError, match="more than 5 files"):
        opened(make(tmp_path, pets()))


def test_huge_files_are_not_read(make: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "MAX_BYTES", 5000)
    monkeypatch.setattr(archive, "MAX_BYTES", 5000)
    images = opened(make(tmp_path, pets() | {"cat/huge.bmp": bytes(9000)}))
    assert "too large" in reasons(images)["cat/huge.bmp"]


def test_the_stamp_changes_with_the_files_and_only_then(tmp_path: Path) -> None:
    path = as_folder(tmp_path, pets())
    seen = [folder_stamp(path)]
    assert folder_stamp(path) == seen[0]
    (path / "cat" / "new.png").write_bytes(picture(5))
    seen.append(folder_stamp(path))
    (path / "cat" / "new.png").rename(path / "cat" / "renamed.png")
    seen.append(folder_stamp(path))
    os.utime(path / "cat" / "renamed.png", ns=(1, 1))
    seen.append(folder_stamp(path))
    assert len(set(seen)) == 4
    (path / "cat" / ".DS_Store").write_bytes(b"junk")
    assert folder_stamp(path) == seen[-1]


# ---- what only zips have


def test_names_that_would_lead_elsewhere_are_only_names(tmp_path: Path) -> None:
    files = pets() | {"../../cat/evil.png": picture(5), "/dog/abs.png": picture(6), "cat\\windows.png": picture(8)}
    images = opened(as_zip(tmp_path, files))
    assert {r.id for r in images.records} == {*pets(), "cat/evil.png", "dog/abs.png", "cat/windows.png"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set.zip"]


def test_one_name_twice_in_a_zip_gives_two_images(tmp_path: Path) -> None:
    path = as_zip(tmp_path, pets())
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("cat/cat.0.png", picture(500))
    images = opened(path)
    assert [r.id for r in images.records][:2] == ["cat/cat.0.png", "cat/cat.0.png (2)"]
    assert not np.array_equal(images.pixels(0), images.pixels(1))


def flagged(path: Path, names: set[str]) -> None:
    """Set the "encrypted" flag of entries in both places a zip keeps it."""
    with zipfile.ZipFile(path) as archive:
        starts = {info.filename: info.header_offset for info in archive.infolist()}
        directory = archive.start_dir
    data = bytearray(path.read_bytes())
    place = directory
    while data[place : place + 4] == b"PK\x01\x02":
        size, extra, comment = struct.unpack("<HHH", data[place + 28 : place + 34])
        name = data[place + 46 : place + 46 + size].decode()
        if name in names:
            data[place + 8] |= 1
            data[starts[name] + 6] |= 1
        place += 46 + size + extra + comment
    path.write_bytes(data)


def test_encrypted_entries_are_set_aside_and_encrypted_zips_told(tmp_path: Path) -> None:
    path = as_zip(tmp_path, pets())
    flagged(path, {"cat/cat.0.png"})
    assert reasons(opened(path)) == {"cat/cat.0.png": "locked with a password"}
    flagged(path, set(pets()))
    with pytest.raises(LabError, match="password"):
        opened(path)


def test_compression_that_may_ask_for_gigabytes_is_set_aside(tmp_path: Path) -> None:
    path = as_zip(tmp_path, pets())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("cat/lzma.png", picture(9), compress_type=zipfile.ZIP_LZMA)
        archive.writestr("cat/stored.png", picture(10), compress_type=zipfile.ZIP_STORED)
        archive.writestr("cat/bz2.png", picture(11), compress_type=zipfile.ZIP_BZIP2)
    assert reasons(opened(path)) == {"cat/lzma.png": "compressed in a way that is not read"}


def test_zip_bombs_are_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = as_zip(tmp_path, pets() | {f"cat/{k}.bmp": bytes(10**6) for k in range(30)})
    monkeypatch.setattr(archive, "RATIO_MATTERS_ABOVE", 10**6)
    with pytest.raises(LabError, match="would unpack to"):
        opened(path)


def test_an_entry_that_lies_about_its_size_is_damaged(tmp_path: Path) -> None:
    path = as_zip(tmp_path, pets() | {"cat/liar.png": bytes(10**6)})
    data = path.read_bytes()
    assert data.count(struct.pack("<I", 10**6)) == 2
    path.write_bytes(data.replace(struct.pack("<I", 10**6), struct.pack("<I", 100)))
    assert reasons(opened(path)) == {"cat/liar.png": "damaged in the zip file"}


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no zip at all", bytes(10_000)])
def test_what_is_no_zip_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "set.zip"
    path.write_bytes(content)
    with pytest.raises(LabError, match="not a readable zip"):
        read_zip(path)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_zips_are_told_or_set_aside_never_a_crash(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = as_zip(
        tmp_path_factory.mktemp("zips"), {f"{n}/{k}.bmp": bytes([k]) * 60 for n in "ab" for k in range(2)} | pets(1)
    )
    content = bytearray(path.read_bytes())
    for place, value in data.draw(
        st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=9)
    ):
        content[place] = value
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
    with contextlib.suppress(LabError):
        assert len(opened(path)) >= 2


# ---- arranging


names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=6)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(names, names), min_size=1, max_size=12))
def test_every_image_named_file_is_a_member_or_set_aside(pairs: list[tuple[str, str]]) -> None:
    paths = {(c, f"{n}.png") for c, n in pairs if not layout.is_junk(c) and not layout.is_junk(f"{n}.png")}
    tree = layout.Tree("here", tuple(layout.Entry(p, bytes) for p in paths), frozenset())
    if len({p[0] for p in paths}) < 2:
        with pytest.raises(LabError):
            arrange(tree)
        return
    arranged = arrange(tree)
    ids = [m.id for m in arranged.members] + [q.id for q in arranged.quarantined]
    assert sorted(ids) == sorted("/".join(p) for p in paths)
    assert list(arranged.classes) == sorted({p[0] for p in paths})


def test_threads_do_not_leave_files_open(tmp_path: Path) -> None:
    before = threading.active_count()
    images = opened(as_zip(tmp_path, pets()))
    images.pixels(0)
    assert threading.active_count() == before
    shutil.rmtree(tmp_path)
