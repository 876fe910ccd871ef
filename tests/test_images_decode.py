"""Decoding: the right upright RGB from every kind of file, and one short reason, never a crash, from the rest."""

from __future__ import annotations

import io
import struct
import time
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile

from lab.images import decode as decoding
from lab.images.decode import DecodeError, decode, decode_reduced, thumbnail

RNG = np.random.default_rng(0)
GRADIENT = np.stack(np.meshgrid(np.linspace(0, 255, 40), np.linspace(0, 255, 30)), -1).astype(np.uint8)
PICTURE = np.concatenate([GRADIENT, 255 - GRADIENT[..., :1]], -1)  # (30, 40, 3), no symmetry


def encoded(image: Image.Image | np.ndarray, kind: str, **options: object) -> bytes:
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def oriented(turn: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = turn
    return exif.tobytes()


def close(a: np.ndarray, b: np.ndarray, within: float) -> bool:
    return a.shape == b.shape and float(np.abs(a.astype(int) - b.astype(int)).mean()) <= within


# What each EXIF orientation asks of the stored pixels to show them upright, from the EXIF 2.3 standard, table 6.
UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: a.transpose(1, 0, 2)[:, ::-1],
    7: lambda a: a.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda a: a.transpose(1, 0, 2)[::-1],
}


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("turn", UPRIGHT)
def test_exif_turns_are_applied_once(kind: str, turn: int) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(PICTURE, kind, exif=oriented(turn), **options)
    assert np.array_equal(decode(data), UPRIGHT[turn](PICTURE))
    reduced = decode_reduced(data)
    assert (reduced.height, reduced.width) == decode(data).shape[:2]


@pytest.mark.parametrize("turn", UPRIGHT)
def test_a_turned_jpeg_is_upright_and_not_plain(turn: int) -> None:
    data = encoded(PICTURE, "JPEG", quality=95, exif=oriented(turn))
    assert close(decode(data), UPRIGHT[turn](PICTURE), 3)
    reduced = decode_reduced(data)
    assert reduced.plain_jpeg == (turn == 1)
    assert (reduced.height, reduced.width) == UPRIGHT[turn](PICTURE).shape[:2]


@pytest.mark.parametrize("exif", [oriented(9), oriented(0), b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff"])
def test_broken_exif_does_not_cost_the_image(exif: bytes) -> None:
    data = encoded(PICTURE, "JPEG", quality=95, exif=exif)
    assert close(decode(data), PICTURE, 3)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF"])
def test_lossless_formats_give_the_exact_pixels(kind: str) -> None:
    image = Image.fromarray(PICTURE)
    if kind == "GIF":
        image = image.convert("P", palette=Image.Palette.ADAPTIVE, colors=64)
    pixels = decode(encoded(image, kind))
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    assert pixels.flags.c_contiguous
    assert np.array_equal(pixels, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize(("mode", "kind"), [("L", "PNG"), ("L", "JPEG"), ("1", "PNG"), ("1", "TIFF"), ("1", "BMP")])
def test_gray_and_one_bit_images_have_three_equal_channels(mode: str, kind: str) -> None:
    image = Image.fromarray(PICTURE).convert(mode)
    pixels = decode(encoded(image, kind))
    assert np.array_equal(pixels[..., 0], pixels[..., 2])
    assert close(pixels[..., 0], np.asarray(image.convert("L")), 1)


def test_progressive_jpeg_equals_baseline() -> None:
    baseline = encoded(PICTURE, "JPEG", quality=90)
    progressive = encoded(PICTURE, "JPEG", quality=90, progressive=True)
    assert np.array_equal(decode(baseline), decode(progressive))
    assert decode_reduced(progressive).plain_jpeg


@pytest.mark.parametrize(("top", "expected"), [(65535, 255), (0, 0), (32896, 128), (4095, 255), (255, 255)])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_gray_is_scaled_not_clipped(kind: str, top: int, expected: int) -> None:
    image = Image.fromarray(np.full((4, 5), top, np.uint16))
    assert image.mode == "I;16"
    assert decode(encoded(image, kind)).tolist() == np.full((4, 5, 3), expected).tolist()


def test_sixteen_bit_steps_stay_apart() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(2, 0)
    assert decode(encoded(Image.fromarray(ramp), "PNG"))[0, :, 0].tolist() == list(range(256))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0.0, 0.5, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[0.0, 128.0, 255.0]], np.float32), [0, 128, 255]),
        (np.array([[0.0, 1e6, 2e6]], np.float32), [0, 128, 255]),
        (np.array([[-1.0, 0.0, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[np.nan, 0.5, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[0, 32768, 65535]], np.int32), [0, 128, 255]),
        (np.array([[-(2**31), 0, 2**31 - 1]], np.int32), [0, 128, 255]),
    ],
)
def test_modes_without_a_declared_range_fill_eight_bits(values: np.ndarray, expected: list[int]) -> None:
    assert decode(encoded(Image.fromarray(values), "TIFF"))[0, :, 0].tolist() == expected


def test_transparency_lies_over_white() -> None:
    layer = np.zeros((2, 3, 4), np.uint8)
    layer[:, 0] = (255, 0, 0, 255)
    layer[:, 1] = (255, 0, 0, 0)
    layer[:, 2] = (0, 0, 0, 51)  # a fifth of black over white
    for kind in ("PNG", "WEBP", "TIFF"):
        options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
        assert decode(encoded(Image.fromarray(layer), kind, **options))[0].tolist() == [
            [255, 0, 0],
            [255, 255, 255],
            [204, 204, 204],
        ]


def palette_image() -> Image.Image:
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.putdata([0, 1, 2])
    return image


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_palettes_with_and_without_transparency(kind: str) -> None:
    plain = decode(encoded(palette_image(), kind))
    assert plain[0].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    clear = decode(encoded(palette_image(), kind, transparency=1))
    assert clear[0].tolist() == [[255, 0, 0], [255, 255, 255], [0, 0, 255]]


def test_a_palette_with_an_alpha_for_each_entry_and_gray_with_a_clear_value() -> None:
    each = decode(encoded(palette_image(), "PNG", transparency=bytes([255, 0, 255])))
    assert each[0].tolist() == [[255, 0, 0], [255, 255, 255], [0, 0, 255]]
    gray = decode(encoded(Image.fromarray(np.array([[10, 20]], np.uint8)), "PNG", transparency=10))
    assert gray[0].tolist() == [[255] * 3, [20] * 3]
    gray_alpha = decode(encoded(Image.merge("LA", [Image.new("L", (1, 1), 9), Image.new("L", (1, 1), 0)]), "PNG"))
    assert gray_alpha[0].tolist() == [[255] * 3]


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb_also_the_way_adobe_writes_it(kind: str) -> None:
    flat = np.empty((16, 16, 3), np.uint8)
    flat[:] = (200, 40, 90)
    options = {"quality": 95} if kind == "JPEG" else {}
    data = encoded(Image.fromarray(flat).convert("CMYK"), kind, **options)
    assert (b"Adobe" in data) == (kind == "JPEG")
    assert close(decode(data), flat, 3)
    assert not decode_reduced(data).plain_jpeg


def test_animations_give_their_first_frame() -> None:
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "lime", "blue")]
    for kind, options in (("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {}), ("TIFF", {})):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert decode(data)[0, 0].tolist() == [255, 0, 0], kind


def test_colour_profiles_are_ignored() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert np.array_equal(decode(encoded(PICTURE, "PNG", icc_profile=profile)), PICTURE)


def test_a_phones_jpeg_with_further_pictures_behind_the_first() -> None:
    data = encoded(Image.fromarray(PICTURE), "MPO", save_all=True, append_images=[Image.new("RGB", (40, 30))])
    assert close(decode(data), PICTURE, 8)


@pytest.mark.filterwarnings("ignore:The image decoding and encoding capabilities of TorchVision")
def test_plain_jpegs_are_read_alike_by_another_decoder() -> None:
    io_module = pytest.importorskip("torchvision.io")
    torch = pytest.importorskip("torch")
    for options in ({}, {"progressive": True}, {"subsampling": 0}, {"quality": 30}):
        data = encoded(RNG.integers(0, 255, (61, 83, 3), dtype=np.uint8), "JPEG", **options)
        assert decode_reduced(data).plain_jpeg
        other = io_module.decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8))
        assert close(decode(data), other.permute(1, 2, 0).numpy(), 0.5)


def test_only_three_channel_ycbcr_jpegs_are_plain() -> None:
    assert decode_reduced(encoded(PICTURE, "JPEG")).plain_jpeg
    assert not decode_reduced(encoded(PICTURE[..., 0], "JPEG")).plain_jpeg
    assert not decode_reduced(encoded(PICTURE, "JPEG", keep_rgb=True)).plain_jpeg
    assert not decode_reduced(encoded(PICTURE, "PNG")).plain_jpeg


NOT_IMAGES = {
    "empty": (b"", "empty file"),
    "text": (b"hello, I am a text file named .jpg" * 9, "not a JPEG"),
    "html": (b"<!doctype html><html>404</html>", "not a JPEG"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a JPEG"),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a JPEG"),
    "start of a jpeg only": (b"\xff\xd8\xff", "not a JPEG|truncated|damaged"),
    "start of a png only": (b"\x89PNG\r\n\x1a\n", "not a JPEG|truncated|damaged"),
    "zeros": (bytes(4096), "not a JPEG"),
}


@pytest.mark.parametrize("name", NOT_IMAGES)
def test_what_is_no_image_says_so(name: str) -> None:
    data, reason = NOT_IMAGES[name]
    for read in (decode, decode_reduced):
        with pytest.raises(DecodeError, match=reason) as caught:
            read(data)
        assert len(str(caught.value)) < 90
        assert "\n" not in str(caught.value)
        assert "0x" not in str(caught.value)


@pytest.mark.parametrize("kind", ["ICO", "TGA", "PCX", "SGI", "DDS"])
def test_formats_outside_the_list_are_refused(kind: str) -> None:
    with pytest.raises(DecodeError, match="not a JPEG, PNG, GIF, BMP, WebP, TIFF, PNM, JPEG 2000 or AVIF"):
        decode(encoded(PICTURE, kind))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_truncated_files_are_refused_by_both_ways_of_reading(kind: str, kept: float) -> None:
    noise = RNG.integers(0, 255, (80, 90, 3), dtype=np.uint8)
    data = encoded(noise, kind)
    for read in (decode, decode_reduced):
        with pytest.raises(DecodeError, match=r"truncated|damaged|not a JPEG"):
            read(data[: int(len(data) * kept)])


def test_a_setting_that_hides_truncation_is_nobodys_default() -> None:
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def png_header(width: int, height: int) -> bytes:
    """A PNG that declares a size and holds almost nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("width", "height"),
    [(8001, 8001), (20_000, 20_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1), (70_000, 1), (1, 70_000)],
)
def test_bombs_are_refused_from_their_header(width: int, height: int) -> None:
    started = time.perf_counter()
    for read in (decode, decode_reduced):
        with pytest.raises(DecodeError, match="too large"):
            read(png_header(width, height))
    assert time.perf_counter() - started < 1


def test_a_bitmap_and_a_jpeg_that_declare_too_much() -> None:
    bitmap = bytearray(encoded(PICTURE, "BMP"))
    bitmap[18:26] = struct.pack("<ii", 30_000, 30_000)
    jpeg = encoded(PICTURE, "JPEG")
    place = jpeg.index(b"\xff\xc0") + 5
    jpeg = jpeg[:place] + struct.pack(">HH", 65_000, 65_000) + jpeg[place + 4 :]
    for data in (bytes(bitmap), jpeg):
        with pytest.raises(DecodeError, match="too large"):
            decode(data)


def test_a_progressive_jpeg_with_thousands_of_passes_is_refused_at_once() -> None:
    data = encoded(Image.new("RGB", (4000, 4000)), "JPEG", progressive=True)
    start = data.rindex(b"\xff\xda")
    hostile = data[:start] + data[start:-2] * 2000 + data[-2:]
    started = time.perf_counter()
    with pytest.raises(DecodeError, match="passes"):
        decode(hostile)
    assert time.perf_counter() - started < 1
    decode(data)


def test_running_out_of_memory_is_told_and_not_taken_for_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object) -> np.ndarray:
        raise MemoryError

    monkeypatch.setattr(decoding, "rgb", no_memory)
    with pytest.raises(DecodeError, match="memory") as caught:
        decode(encoded(PICTURE, "PNG"))
    assert isinstance(caught.value.__cause__, MemoryError)


SEEDS = [
    encoded(PICTURE, "JPEG", exif=oriented(6)),
    encoded(PICTURE, "JPEG", progressive=True),
    encoded(Image.fromarray(PICTURE).convert("CMYK"), "JPEG"),
    encoded(PICTURE, "PNG", exif=oriented(3)),
    encoded(palette_image(), "PNG", transparency=bytes([255, 0, 9])),
    encoded(Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30)), "PNG"),
    encoded(Image.fromarray(PICTURE), "GIF", save_all=True, append_images=[Image.new("RGB", (40, 30))]),
    encoded(PICTURE, "BMP"),
    encoded(PICTURE, "WEBP"),
    encoded(PICTURE, "TIFF", compression="tiff_lzw"),
    encoded(PICTURE, "TIFF", compression="jpeg"),
    encoded(Image.fromarray(PICTURE), "TIFF", exif=oriented(5)),
]


def attempt(read: Callable[[], np.ndarray]) -> tuple[np.ndarray | None, str]:
    """Return the pixels, or None and the reason; anything but a DecodeError fails the test."""
    try:
        return read(), ""
    except DecodeError as error:
        return None, str(error)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_mutated_files_never_raise_anything_else(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(SEEDS)))
    edits = st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=12)
    for place, value in data.draw(edits):
        content[place] = value
    cut = data.draw(st.integers(0, len(content)))
    content = content[:cut] + data.draw(st.binary(max_size=8)) + content[cut + data.draw(st.integers(0, 40)) :]
    full, full_reason = attempt(lambda: decode(bytes(content)))
    reduced, reason = attempt(lambda: decode_reduced(bytes(content)).pixels)
    assert (full is None) == (reduced is None), "what passes the quick look must decode"
    for pixels in (full, reduced):
        assert pixels is None or (pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3)
    assert full is not None or (0 < len(full_reason) < 120 and full_reason == reason)


@settings(max_examples=150, deadline=None)
@example(b"GIF89a\x01\x00\x01\x00", b"")
@example(b"RIFF\x00\x00\x00\x00WEBPVP8 ", b"")
@example(b"\x08\x00\x00\x00\xff\xff", b"II*\0")
@example(bytes(60), b"BM")
@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0", b"MM\0*", b"BM"]),
)
def test_arbitrary_bytes_never_raise_anything_else(body: bytes, start: bytes) -> None:
    for read in (decode, lambda data: decode_reduced(data).pixels):
        pixels, reason = attempt(lambda read=read: read(start + body))
        assert (pixels is None) == bool(reason)


def test_no_warning_leaves_the_decoder() -> None:
    odd = encoded(PICTURE, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\xff\xff\xff\x7f\0\0\0\0")
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        decode(odd)
        with pytest.raises(DecodeError):
            decode(png_header(12_000, 12_000))  # Pillow itself would warn of a bomb here
    assert not heard


@pytest.mark.parametrize(("shape", "size"), [((300, 200), (64, 96)), ((50, 40), (40, 50)), ((2, 5000), (96, 1))])
def test_thumbnails_keep_the_shape_and_are_jpegs(shape: tuple[int, int], size: tuple[int, int]) -> None:
    image = Image.open(io.BytesIO(thumbnail(RNG.integers(0, 255, (*shape, 3), dtype=np.uint8))))
    assert image.format == "JPEG"
    assert image.size == size


def test_reduced_pixels_show_the_same_picture(photos: Path) -> None:
    paths = sorted((photos / "pets" / "cat").iterdir())[:20]
    assert paths
    for path in paths:
        data = path.read_bytes()
        full, reduced = decode(data), decode_reduced(data)
        assert (reduced.height, reduced.width) == full.shape[:2]
        a, b = (
            np.asarray(Image.fromarray(p).resize((40, 30), Image.Resampling.BILINEAR)) for p in (full, reduced.pixels)
        )
        assert close(a, b, 2)
