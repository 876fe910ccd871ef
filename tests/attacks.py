"""Damaged and hostile images and zips, made anew from a seed: for the tests, and in large numbers for
`benchmarks/attack.py`.

    damaged_images(seed, count)   encoded images with bytes changed, cut out, doubled or cut off
    hostile_images()              images that ask for memory or work far beyond their size
    damaged_zips(seed, count)     zips of images with bytes changed or cut off, entries renamed, doubled, lying
    HOSTILE_ZIPS                  makers of zips that ask for work or places far beyond what they hold

The first three yield names and bytes; the same arguments give the same bytes.
"""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from PIL import Image

Named = Iterator[tuple[str, bytes]]

ODD_NAMES = (
    "../../outside.png", "/etc/outside.png", "C:\\outside.png", "cat/../../outside.png", "", "/", "..", "cat//a.png",
    "cat/\0hidden.png", "cat/nul.png\0.exe", "CON/a.png", "cat/" + "n" * 300 + ".png", "a/" * 200 + "deep.png", "cat",
)  # fmt: skip
BELOW = ("cat", "dog")


def encodings() -> list[bytes]:
    """Return one small picture in every format and kind of pixel that is read."""
    rng = np.random.default_rng(0)
    colour = Image.fromarray(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8))
    deep = Image.fromarray(rng.integers(0, 4096, (20, 30)).astype(np.uint16))
    clear = colour.copy()
    clear.putalpha(colour.getchannel("R"))
    kinds = [
        (colour, "JPEG", {}), (colour, "JPEG", {"progressive": True}), (colour.convert("CMYK"), "JPEG", {}),
        (colour, "PNG", {}), (clear, "PNG", {}), (colour.convert("P"), "PNG", {}), (deep, "PNG", {}),
        (colour.convert("P"), "GIF", {"save_all": True, "append_images": [colour.convert("P").rotate(90)]}),
        (colour, "BMP", {}), (colour, "WEBP", {}), (clear, "WEBP", {"lossless": True}), (colour, "TIFF", {}),
        (colour, "TIFF", {"compression": "tiff_lzw"}), (colour, "TIFF", {"compression": "jpeg"}), (deep, "TIFF", {}),
        (Image.fromarray(rng.random((20, 30), np.float32)), "TIFF", {}), (colour, "PPM", {}), (colour, "JPEG2000", {}),
        (colour, "AVIF", {}),
    ]  # fmt: skip
    return [*(_saved(*kind) for kind in kinds if kind[1] in _writable()), png_of_deep_colour(4095)]


def png_of_deep_colour(most: int) -> bytes:
    """Return a PNG of 16 bits a channel whose values reach `most` only, as a camera of fewer bits leaves them."""
    values = np.random.default_rng(1).integers(0, most + 1, (20, 30, 3)).astype(">u2")
    values[0, 0] = most
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    return _png(30, 20, 16, 2, zlib.compress(rows))


def damaged_images(seed: int, count: int) -> Named:
    """Yield encoded images with random damage."""
    rng, whole = np.random.default_rng(seed), encodings()
    for number in range(count):
        yield f"damaged {seed}/{number}", _damaged(rng, whole[number % len(whole)])


def hostile_images() -> Named:
    """Yield images that ask for far more than they hold."""
    jpeg = _saved(Image.new("RGB", (16, 16)), "JPEG", {})
    huge = jpeg.index(b"\xff\xc0") + 5
    yield "PNG of 60,000 × 60,000", _png(60_000, 60_000, 8, 2, zlib.compress(bytes(99)))
    yield "PNG of 64 megapixels, cut off", _png(8000, 8000, 16, 6, zlib.compress(bytes(99)))
    yield "PNG of a million pieces", _png(8, 8, 8, 0, zlib.compress(bytes(72)), 1_000_000)
    yield "JPEG of 65,000 × 65,000", jpeg[:huge] + struct.pack(">HH", 65_000, 65_000) + jpeg[huge + 4 :]
    yield "JPEG of a million segments", jpeg[:2] + b"\xff\xe5\0\2" * 1_000_000 + jpeg[2:]
    yield "JPEG of 3,000 passes", _passes(3000)
    yield "GIF of a million blocks", b"GIF89a\x08\0\x08\0\0\0\0" + b"\x21\xfe\0" * 1_000_000 + b"\x3b"
    yield "GIF larger than its screen", b"GIF89a\x08\0\x08\0\0\0\0\x2c\0\0\0\0\xff\xff\xff\xff\0\x08\0\x3b"
    yield "BMP of 30,000 × 30,000", _bitmap(30_000, 30_000)
    yield "BMP upside down", _bitmap(30_000, -30_000)
    yield "PPM of 60,000 × 60,000", b"P6 60000 60000 255\n" + bytes(99)
    yield "PPM of a long number", b"P6 " + b"9" * 1_000_000 + b" 1 255\n"
    yield "PGM of few levels", b"P5 60000 1000 1\n" + bytes(99)
    for compressed in (1, 5, 8):  # none, LZW, deflate
        for width, length in ((100_000, 100_000), (2**31 - 16, 16), (65_536, 150_000)):
            yield f"TIFF with tiles of {width} × {length}, {compressed}", tiff(64, 64, compressed, (width, length))
        yield f"TIFF of one strip of 2**31 rows, {compressed}", tiff(64, 64, compressed, rows=2**31 - 1)
        yield f"TIFF of 200 samples, {compressed}", tiff(3000, 3000, compressed, samples=200)
    yield "TIFF of two million strips", tiff(64, 64, 1, strips=2_000_000)
    yield "TIFF of 8,000 × 8,000 floats, cut off", tiff(8000, 8000, 1, bits=32)


def damaged_zips(seed: int, count: int) -> Named:
    """Yield zips of a few images with random damage or odd entries."""
    rng, pictures = np.random.default_rng(seed), encodings()
    for number in range(count):
        entries = [(f"{BELOW[k % 2]}/{k}.png", pictures[int(rng.integers(len(pictures)))]) for k in range(6)]
        odd = rng.random() < 0.5
        for k in rng.choice(len(entries), 2, replace=False) if odd else ():
            entries[k] = (ODD_NAMES[int(rng.integers(len(ODD_NAMES)))], entries[k][1])
        data = zip_of(entries, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)[number % 3])
        yield f"damaged {seed}/{number}", data if odd and rng.random() < 0.5 else _damaged(rng, data)


def zip_of(entries: Sequence[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    """Return a zip with these entries, in which a name may be there twice or be empty."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, content in entries:
            info = zipfile.ZipInfo("x")
            info.filename, info.compress_type = name, method
            archive.writestr(info, content)
    return buffer.getvalue()


def utf8_without_flag(classes: dict[str, bytes]) -> bytes:
    """Return a zip as macOS writes it: names in UTF-8, and no flag that says so."""
    data = zip_of([(f"{name}/a.png", content) for name, content in classes.items()])
    for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = data.find(signature)
        while place >= 0:
            data = data[: place + flags] + b"\0\0" + data[place + flags + 2 :]
            place = data.find(signature, place + 4)
    return data


def tiff(
    width: int,
    height: int,
    compression: int,
    tile: tuple[int, int] | None = None,
    *,
    rows: int | None = None,
    samples: int = 1,
    bits: int = 8,
    strips: int = 1,
) -> bytes:
    """Return a TIFF with this header and a few bytes of pixels; `tile` is width and length, `rows` those of a strip."""
    body = zlib.compress(bytes(4096)) if compression == 8 else bytes(4096)
    places = 8 + 200  # behind the directory
    pixels = places + 4 * strips
    tags = [(256, width), (257, height), (258, bits), (259, compression), (262, 1), (277, samples)]
    tags += [(322, tile[0]), (323, tile[1]), (324, pixels), (325, len(body))] if tile else []
    tags += [] if tile else [(278, rows or height), (279, len(body))]
    tags += [(339, 3)] if bits == 32 else []
    listed = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags)]
    if not tile:
        listed.insert(5, struct.pack("<HHII", 273, 4, strips, pixels if strips == 1 else places))
    directory = struct.pack("<H", len(listed)) + b"".join(listed) + bytes(4)
    start = b"II*\0" + struct.pack("<I", 8) + directory
    return start.ljust(places, b"\0") + struct.pack("<I", pixels) * strips + body


def _saved(image: Image.Image, kind: str, options: dict[str, object]) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _writable() -> set[str]:
    Image.init()
    return set(Image.SAVE)


def _damaged(rng: np.random.Generator, data: bytes) -> bytes:
    content = bytearray(data)
    for place in rng.integers(0, len(content), rng.integers(1, 9)):
        content[place] = rng.integers(256)
    start, stop = sorted(rng.integers(0, len(content), 2))
    kind = rng.integers(5)
    if kind == 0:
        del content[stop:]
    elif kind == 1:
        del content[start : start + 20]
    elif kind == 2:
        content[start:start] = content[start : start + 40]
    return bytes(content)


def _png(width: int, height: int, bits: int, colours: int, packed: bytes, pieces: int = 0) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colours, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"teSt", b"") * pieces + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def _passes(count: int) -> bytes:
    data = _saved(Image.new("RGB", (4000, 4000)), "JPEG", {"progressive": True})
    start = data.rindex(b"\xff\xda")
    return data[:start] + data[start:-2] * count + data[-2:]


def _bitmap(width: int, height: int) -> bytes:
    data = bytearray(_saved(Image.new("RGB", (8, 8)), "BMP", {}))
    data[18:26] = struct.pack("<ii", width, height)
    return bytes(data)


def _overlapping(entries: int) -> bytes:
    """Return a zip whose directory lists one entry many times (as Fifield's bombs do, "A better zip bomb", 2019)."""
    data = zip_of([("cat/a.png", bytes(100_000))])
    start = data.index(b"PK\1\2")
    end = data.index(b"PK\5\6")
    listed = data[start:end] * entries
    count = min(entries, 0xFFFF)
    tail = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(listed), start, 0)
    return data[:start] + listed + tail


def _many(names: Callable[[int], str], content: bytes = b"x") -> Callable[[int], bytes]:
    return lambda count: zip_of([(names(k), content) for k in range(count)])


def _beside(*entries: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> Callable[[int], bytes]:
    return lambda _: zip_of([*_fine(), *entries], method)


def _fine() -> list[tuple[str, bytes]]:
    pictures = [_saved(Image.new("RGB", (8, 8), (60 * k, 9, 9)), "PNG", {}) for k in range(4)]
    return [(f"{BELOW[k % 2]}/{k}.png", picture) for k, picture in enumerate(pictures)]


def _bzip2(count: int) -> bytes:
    return zip_of([(f"{BELOW[k % 2]}/{k}.png", bytes(100)) for k in range(count)], zipfile.ZIP_BZIP2)


# Zips that ask for far more than they hold, by name, made of about as many entries as asked for.
HOSTILE_ZIPS: dict[str, Callable[[int], bytes]] = {
    "one empty name many times": _many(lambda _: "cat/a.png", b""),
    "two empty names many times": _many(lambda k: f"{BELOW[k % 2]}/a.png", b""),
    "two names and one content many times": _many(lambda k: f"{BELOW[k % 2]}/a.png"),
    "a folder for each file": _many(lambda k: f"{k}/a.png"),
    "a split for each file": _many(lambda k: f"train{k}/{k % 3}/a.png"),
    "names without an ending": _many(lambda k: f"{BELOW[k % 2]}/{k}", b"BM"),
    "a folder in a folder, 60 deep": _many(lambda k: "ab/" * 60 + f"{k}.png"),
    "paths of 30,000 folders": _beside(*(("a/" * 30_000 + f"{k}.png", b"x") for k in range(40))),
    "entries without a name": _beside(*[("", b"x")] * 50),
    "entries on top of each other": lambda count: _overlapping(count),
    "a bomb": lambda _: zip_of([(f"cat/{k}.bmp", bytes(20_000_000)) for k in range(20)], zipfile.ZIP_DEFLATED),
    "many small bzip2 blocks": lambda count: _bzip2(min(count, 4000)),
    "names that lead elsewhere": _beside(*((name, _fine()[0][1]) for name in ODD_NAMES)),
    "UTF-8 without the flag": lambda _: utf8_without_flag({"猫": _fine()[0][1], "Hündin": _fine()[1][1]}),
}
