"""What the readouts of thumbnails show, in sentences that follow the numbers."""

from __future__ import annotations

from functools import partial

import pandas as pd

from lab.experiments.number_text import NO_TWIN, ranged, two

_of = partial(ranged, name="r2", ends="ci")


def findings(rebuilt: pd.DataFrame, images: int) -> list[str]:
    """Return what the table `rebuilt` shows, a sentence each."""
    model = rebuilt.loc[rebuilt["control"] == "real", "model"].iloc[0]
    real = rebuilt[rebuilt["control"] == "real"]
    grid = real[real["pooling"] != "avg"]
    grid = grid if len(grid) else real
    return [
        _by_depth(grid, model, images),
        _against_pixels(grid, rebuilt),
        *_without_places(real, rebuilt),
        *_against_twin(grid, rebuilt),
        _shuffled(rebuilt),
    ]


def _by_depth(grid: pd.DataFrame, model: str, images: int) -> str:
    first, last = grid.iloc[0], grid.iloc[-1]
    if last.ci_high < first.ci_low:
        change = "much of the image fades on the way up" if last.r2 < first.r2 / 2 else "some of it fades on the way up"
    elif last.ci_low > first.ci_high:
        change = "nothing fades; later layers even give more"
    else:
        change = "no loss is shown between them"
    left = "and what is left is more than nothing" if last.ci_low > 0 else "and at the end nothing is shown to be left"
    return (
        f"A linear readout of {model} rebuilds a thumbnail of new images with R² {_of(first)} from {first.layer} and "
        f"{_of(last)} from {last.layer} ({images} images): {change}, {left}."
    )


def _against_pixels(grid: pd.DataFrame, rebuilt: pd.DataFrame) -> str:
    pixels, colour = (rebuilt[rebuilt["control"] == name].iloc[0] for name in ("pixels", "mean colour"))
    last = grid.iloc[-1]
    if last.ci_low > colour.ci_high:
        beyond = "so even the last layer gives more of the picture than its overall colour would"
    elif last.ci_high < colour.ci_low:
        beyond = "so the last layer gives less of the picture than its overall colour would"
    else:
        beyond = "so the last layer is not shown to give more of the picture than its overall colour would"
    return (
        f"With so many images raw pixels themselves reach {_of(pixels)}, the mean colour alone {_of(colour)}; {beyond}."
    )


def _without_places(real: pd.DataFrame, rebuilt: pd.DataFrame) -> list[str]:
    both = real.pivot_table(index="layer", columns="pooling", values="r2", sort=False)
    if both.shape[1] < 2 or both.dropna().empty:
        return []
    averaged = real[real["pooling"] == "avg"]
    best = averaged.iloc[int(averaged["r2"].to_numpy().argmax())]
    grid = both.drop(columns="avg").iloc[:, 0].dropna()
    most = float((grid - both["avg"]).max())
    where = str((grid - both["avg"]).idxmax())
    adds = (
        f"keeping a grid of places adds up to {most:.2f} (at {where})" if most > 0 else "a grid of places adds nothing"
    )
    return [f"Averaged over all places, layers give at most {_of(best)} ({best.layer}); {adds}."]


def _against_twin(grid: pd.DataFrame, rebuilt: pd.DataFrame) -> list[str]:
    twin = rebuilt[(rebuilt["control"] == "untrained") & (rebuilt["pooling"] == grid["pooling"].iloc[0])]
    if twin.empty:
        return [NO_TWIN]
    both = grid.merge(twin, on="layer", suffixes=("", "_twin"))
    more = int((both["ci_low"] > both["ci_high_twin"]).sum())
    less = int((both["ci_high"] < both["ci_low_twin"]).sum())
    last = both.iloc[-1]
    return [
        f"Against the same network with random weights, the trained one keeps more at {more} of {len(both)} layers and "
        f"less at {less}; at {last.layer} it is {last.r2:.2f} against {last.r2_twin:.2f}."
    ]


def _shuffled(rebuilt: pd.DataFrame) -> str:
    shuffled = rebuilt[rebuilt["control"] == "shuffled"]
    above = shuffled[shuffled["ci_low"] > 0]
    most = shuffled.iloc[int(shuffled["r2"].to_numpy().argmax())]
    if above.empty:
        return f"With the images shuffled nothing can be read anywhere (at most R² {two(most.r2)})."
    return (
        f"With the images shuffled {len(above)} readouts still seem to find something, R² {_of(most)}: distrust them."
    )
