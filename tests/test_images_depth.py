"""Images of more than 8 bits a channel: one scale for all of a set, so that 12 bits in 16 are no 17 gray levels."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from attacks import png_of_deep_colour
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lab.images import open_image_set
from lab.images.decode import DecodeError, decode, decode_reduced
from lab.images.modes import GrayScale, ValueRange, common_scale

RNG = np.random.default_rng(0)


def png(values: np.ndarray) -> bytes:
    """Return a PNG of 16 bits a channel, (H, W) or (H, W, C), written without Pillow, which writes no deep colour."""
    channels = 1 if values.ndim == 2 else values.shape[2]
    colours = {1: 0, 2: 4, 3: 2, 4: 6}[channels]

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, colours, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff(values: np.ndarray, order: str, compression: int) -> bytes:
    """Return a TIFF of 16 bits a channel, (H, W, 3), in one strip, bytes in either order."""
    data = values.astype(f"{order}u2").tobytes()
    data = zlib.compress(data) if compression == 8 else data
    tags = [(256, 4, 1, values.shape[1]), (257, 4, 1, values.shape[0]), (258, 3, 3, 146), (259, 4, 1, compression),
            (262, 4, 1, 2), (273, 4, 1, 152), (277, 4, 1, 3), (278, 4, 1, values.shape[0]),
            (279, 4, 1, len(data))]  # fmt: skip
    listed = b"".join(struct.pack(f"{order}HHII", *tag) for tag in tags)
    start = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, len(tags)) + listed
    return start.ljust(146, b"\0") + struct.pack(f"{order}3H", 16, 16, 16) + data


def write(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


@pytest.mark.parametrize("bits", [9, 10, 12, 14, 16])
def test_the_bits_that_are_filled_make_no_difference(bits: int, tmp_path: Path) -> None:
    """The same pictures as 8 bits and as a camera of more bits leaves them in 16-bit files give the same pixels."""
    for k in range(6):
        gray = RNG.integers(0, 256, (16, 16), dtype=np.uint8)
        gray[0, :2] = 255, 0
        write(tmp_path / "few" / "ab"[k % 2] / f"{k}.png", gray)
        deep = np.rint(gray / 255 * (2**bits - 1)).astype(np.uint16)
        write(tmp_path / "many" / "ab"[k % 2] / f"{k}.png", deep)
    few, many = open_image_set(tmp_path / "few"), open_image_set(tmp_path / "many")
    for index in range(6):
        assert np.array_equal(few.pixels(index), many.pixels(index))
    assert few.notes == ()
    assert many.notes == (
        f"6 images have more than 8 bits a channel: their values (0 to {2**bits - 1}) are read from 0 (black) to "
        f"{2**bits - 1} (white), the same for all of them",
    )


def test_all_images_of_a_set_have_one_scale_and_none_alone(tmp_path: Path) -> None:
    """A dark image stays dark beside a bright one: its class may be told by that."""
    for k, top in enumerate([200, 250, 4000, 4095]):
        write(
            tmp_path / ("dark" if top < 300 else "bright") / f"{k}.png",
            np.full((8, 8), top, np.uint16) - 5 * np.eye(8, dtype=np.uint16),
        )
    images = open_image_set(tmp_path)
    tops = {r.id: int(images.pixels(k).max()) for k, r in enumerate(images.records)}
    assert tops == {"dark/0.png": 12, "dark/1.png": 16, "bright/2.png": 249, "bright/3.png": 255}
    assert decode((tmp_path / "dark" / "0.png").read_bytes()).max() == 200  # alone it fills 8 bits


def test_floats_have_one_scale_too(tmp_path: Path) -> None:
    for k, top in enumerate([0.5, 1.0, 1.5, 200.0]):
        path = tmp_path / "ab"[k % 2] / f"{k}.tif"
        write(path, np.linspace(0, top, 64, dtype=np.float32).reshape(8, 8))
    images = open_image_set(tmp_path)
    tops = {r.id: int(images.pixels(k).max()) for k, r in enumerate(images.records)}
    assert tops == {"a/0.tif": 0, "a/2.tif": 2, "b/1.tif": 1, "b/3.tif": 200}


def test_values_that_fill_little_of_their_bits_are_stretched(tmp_path: Path) -> None:
    for k in range(4):
        write(tmp_path / "ab"[k % 2] / f"{k}.png", RNG.integers(30_000, 31_001, (64, 64)).astype(np.uint16))
    images = open_image_set(tmp_path)
    levels = np.unique([images.pixels(k) for k in range(4)])
    assert len(levels) > 200
    assert levels[-1] == 255


def test_the_scale_is_in_the_name_of_the_pixels(tmp_path: Path) -> None:
    """What is cached under an image's digest must not be that of another scale."""
    for k in range(4):
        write(tmp_path / "ab"[k % 2] / f"{k}.png", RNG.integers(0, 1024, (8, 8)).astype(np.uint16))
    before = open_image_set(tmp_path)
    write(tmp_path / "a" / "5.png", np.full((8, 8), 65_535, np.uint16))
    after = open_image_set(tmp_path)
    assert not set(before.digests) & set(after.digests)
    assert before.thumbnail(0) != after.thumbnail(0)


@pytest.mark.parametrize("most", [1023, 4095, 65_535])
def test_deep_colour_keeps_its_low_bytes(most: int) -> None:
    values = RNG.integers(0, most + 1, (9, 7, 3))
    values[0, 0] = most
    expected = np.rint(values / most * 255)
    files = [png(values), *(tiff(values, order, packed) for order in "<>" for packed in (1, 8))]
    for data in files:
        assert np.array_equal(decode(data), expected)
        assert decode_reduced(data).values == ValueRange(float(values.min()), float(most))
    clear = np.concatenate([values, np.full((9, 7, 1), 65_535)], axis=2)
    assert np.array_equal(decode(png(clear)), expected)
    assert len(np.unique(decode(png_of_deep_colour(4095)))) > 200


def test_what_is_read_by_its_high_byte_only_is_refused_where_that_matters() -> None:
    gray = RNG.integers(0, 4096, (9, 7, 2))
    with pytest.raises(DecodeError, match="save it with 8 bits"):
        decode(png(gray))
    assert decode(png(gray * 16)).shape == (9, 7, 3)


@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)).map(sorted), min_size=1, max_size=5), st.booleans()
)
def test_a_scale_holds_every_value(ends: list[list[float]], floats: bool) -> None:
    ranges = [ValueRange(low, high, floats) for low, high in ends]
    for scale in (common_scale(ranges), *(r.scale() for r in ranges[:1])):
        assert scale is not None
    common = common_scale(ranges)
    assert isinstance(common, GrayScale)
    assert common.black <= min(r.low for r in ranges) or common.black == 0
    assert common.white >= max(r.high for r in ranges)
    assert common_scale([]) is None


def test_sixteen_bits_of_a_whole_range_are_as_they_were() -> None:
    ramp = np.arange(65_536).reshape(256, 256)
    assert np.array_equal(decode(png(ramp))[..., 0], (ramp + 128) // 257)


def test_nothing_is_lost_in_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    colour = Image.fromarray(RNG.integers(0, 256, (50, 40, 3), dtype=np.uint8))
    clear = colour.copy()
    clear.putalpha(colour.getchannel("R"))
    deep = Image.fromarray(RNG.integers(0, 4096, (50, 40)).astype(np.uint16))
    files = []
    for image in (colour, clear, deep, colour.convert("P"), colour.convert("CMYK"), colour.convert("1")):
        stream = io.BytesIO()
        image.save(stream, "TIFF")
        files.append(stream.getvalue())
    files.append(png_of_deep_colour(4095))
    whole = [decode(data) for data in files]
    assert len(whole) == 7
    monkeypatch.setattr("lab.images.modes.BAND_PIXELS", 130)
    for data, pixels in zip(files, whole, strict=True):
        assert np.array_equal(decode(data), pixels)
