"""How many copies of pictures are found, and how many different pictures are taken for copies.

    python benchmarks/copies.py [FOLDER] [--images N] [--time N] [--json]

Every N-th photograph of the folder is changed in each way of the table below, saved as a JPEG and looked for among all
photographs. Different pictures are eight parts of each photograph that do not overlap, and series of a fixed camera:
24 shots of one photograph with noise, shifts and changes of light, in each of which one small thing is elsewhere.
Without a folder, drawn scenes are used. Targets: >= 95 % of each kind found, no false join of parts, none in a series
(two shots whose thing is by chance in the same place show the same picture and do not count).
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from lab.images.decode import decode_reduced
from lab.images.groups import split_groups
from lab.images.image_signature import ImageSignature, signature_of

Change = Callable[[Image.Image], Image.Image]


def cropped(image: Image.Image, left: float, top: float, right: float, low: float) -> Image.Image:
    """Return an image without shares of its sides."""
    w, h = image.size
    return image.crop((round(w * left), round(h * top), w - round(w * right), h - round(h * low)))


def framed(image: Image.Image, share: float, colour: str) -> Image.Image:
    """Return an image within a frame that adds a share of each side at both ends."""
    return ImageOps.expand(image, (round(image.width * share), round(image.height * share)), colour)


def turned(image: Image.Image, degrees: float) -> Image.Image:
    """Return an image turned about its centre, black where nothing is."""
    return image.rotate(degrees, Image.Resampling.BICUBIC)


def encoded(image: Image.Image, quality: int) -> Image.Image:
    """Return an image as a JPEG leaves it."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


def tinted(image: Image.Image, factors: tuple[float, float, float]) -> Image.Image:
    """Return an image with its channels multiplied."""
    return Image.fromarray(np.clip(np.asarray(image, float) * np.array(factors), 0, 255).astype(np.uint8))


CHANGES: dict[str, Change] = {
    "JPEG 30": lambda i: encoded(i, 30),
    "half the size": lambda i: i.resize((max(1, i.width // 2), max(1, i.height // 2))),
    "crop 2 % a side": lambda i: cropped(i, 0.02, 0.02, 0.02, 0.02),
    "crop 5 % a side": lambda i: cropped(i, 0.05, 0.05, 0.05, 0.05),
    "crop 10 % a side": lambda i: cropped(i, 0.1, 0.1, 0.1, 0.1),
    "crop 10 % at a corner": lambda i: cropped(i, 0.1, 0.1, 0, 0),
    "crop 10 % at one end": lambda i: cropped(i, 0, 0, 0.1, 0),
    "centre square": lambda i: ImageOps.fit(i, (min(i.size), min(i.size))),
    "frame 5 %": lambda i: framed(i, 0.05, "white"),
    "frame 10 %": lambda i: framed(i, 0.1, "black"),
    "turn 1°": lambda i: turned(i, 1),
    "turn 3°": lambda i: turned(i, 3),
    "turn 5°": lambda i: turned(i, -5),
    "mirror": ImageOps.mirror,
    "mirror and crop": lambda i: ImageOps.mirror(cropped(i, 0.05, 0.03, 0.02, 0.05)),
    "brightness × 1.3": lambda i: ImageEnhance.Brightness(i).enhance(1.3),
    "brightness × 0.7": lambda i: ImageEnhance.Brightness(i).enhance(0.7),
    "contrast × 0.6": lambda i: ImageEnhance.Contrast(i).enhance(0.6),
    "contrast × 1.4": lambda i: ImageEnhance.Contrast(i).enhance(1.4),
    "grayscale": lambda i: i.convert("L").convert("RGB"),
    "colour × 0.3": lambda i: ImageEnhance.Color(i).enhance(0.3),
    "warm": lambda i: tinted(i, (1.15, 1.0, 0.8)),
    "cool": lambda i: tinted(i, (0.8, 1.0, 1.15)),
}


def shots(ground: Image.Image, thing: str, rng: np.random.Generator, count: int = 24) -> list[Image.Image]:
    """Return shots of a fixed camera, 256 × 256: a disc of 6 % of the side, or a scratch, is elsewhere each time."""
    still = np.asarray(ImageOps.fit(ground, (288, 288)), float)
    rows, columns = np.mgrid[:288, :288]
    found = []
    for k in range(count):  # one cell of a grid each, so that no two are in the same place
        y, x = 56 + 44 * (k // 5), 56 + 44 * (k % 5)
        pixels, turn = still.copy(), rng.uniform(0, np.pi)
        along = (rows - y) * np.sin(turn) + (columns - x) * np.cos(turn)
        across = (rows - y) * np.cos(turn) - (columns - x) * np.sin(turn)
        here = along**2 + across**2 < 9**2 if thing == "disc" else (abs(across) < 2) & (abs(along) < 16)
        base = pixels[here].mean(0)
        pixels[here] = base + (45 if thing == "disc" else 90) * (1 if base.mean() < 128 else -1)
        dy, dx = rng.integers(-2, 3, 2)
        noisy = pixels[16 + dy : 272 + dy, 16 + dx : 272 + dx] + rng.normal(0, 3, (256, 256, 3))
        found.append(Image.fromarray(np.clip(noisy * rng.uniform(0.95, 1.05), 0, 255).astype(np.uint8)))
    return found


def scene(seed: int, size: int = 384) -> Image.Image:
    """Return a drawn picture with coarse and fine structure."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(40, 200, (9, 9, 3), dtype=np.uint8))
    image = small.resize((size, size * 3 // 4), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for _ in range(220):
        x, y, r = rng.integers(0, size), rng.integers(0, size), rng.integers(2, 22)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=tuple(int(v) for v in rng.integers(30, 200, 3)))
    return image.filter(ImageFilter.GaussianBlur(1))


def signature(image: Image.Image) -> ImageSignature:
    """Return an image's signature, by way of a JPEG file."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=90)
    return signature_of(decode_reduced(stream.getvalue()).pixels)


def parts(image: Image.Image) -> list[Image.Image]:
    """Return eight parts that do not overlap."""
    across, down = (4, 2) if image.width >= image.height else (2, 4)
    w, h = image.width // across, image.height // down
    return [image.crop((x * w, y * h, (x + 1) * w, (y + 1) * h)) for x in range(across) for y in range(down)]


def grouped(signatures: list[ImageSignature]) -> np.ndarray:
    """Return the group of each."""
    return np.array(split_groups([str(k) for k in range(len(signatures))], signatures))


def found_share(originals: list[ImageSignature], chosen: list[int], copies: list[ImageSignature]) -> float:
    """Return the share of copies that are in the group of their original."""
    groups = grouped([*originals, *copies])
    return float(np.mean(groups[len(originals) :] == groups[chosen]))


def main() -> int:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", help="a folder of photographs (drawn scenes)")
    parser.add_argument("--every", type=int, default=6, help="every so many photographs are copied (6)")
    parser.add_argument("--time", type=int, default=0, metavar="N", help="also time the join of N pictures")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    files = sorted(path for path in Path(given.folder).rglob("*") if path.is_file()) if given.folder else []
    images = [ImageOps.exif_transpose(Image.open(f)).convert("RGB") for f in files] or [scene(k) for k in range(100)]
    originals = [signature(image) for image in images]
    chosen = list(range(0, len(images), given.every))
    found = {
        name: found_share(originals, chosen, [signature(change(images[k])) for k in chosen])
        for name, change in CHANGES.items()
    }
    pieces = [s for image in images for part in parts(image) if not (s := signature(part)).exact]
    told: dict[str, object] = {"found": found, "mean": float(np.mean(list(found.values())))}
    told["parts"], told["false joins of parts"] = len(pieces), len(pieces) - len(set(grouped(pieces).tolist()))
    rng = np.random.default_rng(0)
    for thing in ("disc", "scratch"):
        series = [shots(images[k], thing, rng) for k in range(0, len(images), max(1, len(images) // 12))]
        joins = [len(each) - len(set(grouped([signature(shot) for shot in each]).tolist())) for each in series]
        told[f"false joins, {thing}"], told[f"shots, {thing}"] = sum(joins), sum(map(len, series))
    if given.time:
        many = [*originals, *pieces]
        many = [many[k % len(many)] for k in range(given.time)]
        started = time.process_time()
        grouped(many)
        told[f"seconds for {given.time}"] = round(time.process_time() - started, 1)
    print(json.dumps(told, indent=None if given.json else 2, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
