"""A walk through depth as an animated GIF: one frame per layer, its visualizations side by side, its name above."""

from __future__ import annotations

import io

import pandas as pd
from PIL import Image, ImageDraw, ImageFont

PAPER, INK = (252, 251, 248), (35, 39, 43)
MOST = 12  # images in a frame
PER_ROW = 4
TILE, GAP, HEAD = 160, 8, 34


def walk(images: pd.DataFrame, *, milliseconds: int = 1200) -> bytes:
    """Return the table `visualizations` of a run as a GIF, from the first layer to the last; bytes."""
    parts = [part.head(MOST) for _, part in images.sort_values("depth", kind="stable").groupby("layer", sort=False)]
    columns = min(PER_ROW, max(len(part) for part in parts))
    rows = max(-(-len(part) // columns) for part in parts)
    frames = [_frame(part, rows, columns) for part in parts]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=milliseconds, loop=0)
    return buffer.getvalue()


def _frame(part: pd.DataFrame, rows: int, columns: int) -> Image.Image:
    width, height = columns * (TILE + GAP) + GAP, HEAD + rows * (TILE + GAP)
    frame = Image.new("RGB", (width, height), PAPER)
    first = part.iloc[0]
    font = ImageFont.load_default(16)
    ImageDraw.Draw(frame).text((GAP, 8), f"{first['layer']}   depth {first['depth']:.2f}", fill=INK, font=font)
    for number, data in enumerate(part["thumbnail"]):
        tile = Image.open(io.BytesIO(data)).convert("RGB").resize((TILE, TILE), Image.Resampling.LANCZOS)
        row, column = divmod(number, columns)
        frame.paste(tile, (GAP + column * (TILE + GAP), HEAD + row * (TILE + GAP)))
    return frame.quantize(128, dither=Image.Dither.FLOYDSTEINBERG)
