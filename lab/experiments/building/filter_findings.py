"""What the sum behind one number of a convolution shows, in sentences that follow the numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lab.experiments.building.filter_terms import FilterLayer, FilterSum

EXACT = 1e-5  # a sum that differs by more from the network's own number does not explain it


def findings(layer: FilterLayer, found: FilterSum) -> list[str]:
    """Return what one sum shows, a sentence each; they follow the numbers, whatever those say."""
    return [_spans(layer, found), _adds_up(found), _who_adds(found)]


def network_findings(layers: pd.DataFrame) -> list[str]:
    """Return what holds for all convolutions of a network, from the table `layers` of a run."""
    exact = int((layers["difference"] <= EXACT).sum())
    worst = layers.iloc[int(layers["difference"].argmax())]
    all_of = int(layers["kind"].isin(("full", "1×1", "single")).sum())
    others = layers[~layers["kind"].isin(("full", "1×1", "single"))]
    end = "." if exact == len(layers) else f"; not at {worst.layer}."
    sentences = [
        f"In {exact} of {len(layers)} convolutions the products sum to the network's own number (largest difference "
        f"{_small(worst.difference)}){end}"
    ]
    if others.empty:
        every = "Its only convolution spans" if len(layers) == 1 else f"All {len(layers)} of its convolutions span"
        sentences.append(f"{every} every input channel.")
    else:
        kinds = ", ".join(f"{count} {kind}" for kind, count in others["kind"].value_counts().items())
        sentences.append(f"{all_of} of its {len(layers)} convolutions span every input channel; not so {kinds}.")
    return sentences


def _spans(layer: FilterLayer, found: FilterSum) -> str:
    spanned, height, width = found.kernel.shape
    size = f"{height} × {width}"
    if spanned == found.of_channels:
        products = spanned * height * width
        every = "the only input channel" if spanned == 1 else f"all {spanned} input channels"
        return f"This filter spans {every} in {size}: one number out of {products:,} products."
    which = (
        f"only input channel {found.first}"
        if spanned == 1
        else f"only the {spanned} input channels {found.first} to {found.first + spanned - 1}"
    )
    return (
        f"This filter does not span all {found.of_channels} input channels: it sees {which} ({layer.kind} convolution)."
    )


def _adds_up(found: FilterSum) -> str:
    same = (
        f"exactly the network's own number (difference {_small(found.difference)})"
        if found.difference <= EXACT
        else f"not the network's own number, which is {found.own:+z.6f} (difference {found.difference:.2g})"
    )
    bias = f"plus the bias {found.bias:+z.2f}" if found.bias else "(no bias)"
    return f"The contributions sum to {found.contributions.sum():+z.2f} {bias}: {found.total:+z.2f}, {same}."


def _who_adds(found: FilterSum) -> str:
    values = found.contributions
    up, down = values[values > 0].sum(), values[values < 0].sum()
    if len(values) == 1:
        return f"A single channel contributes: {values[0]:+z.2f}."
    size = np.sort(np.abs(values))[::-1]
    if size.sum() == 0:
        return "Every contribution is zero here."
    needed = int(np.searchsorted(np.cumsum(size), 0.5 * size.sum()) + 1)
    strongest = found.ranked().iloc[0]
    many = "it is" if needed == 1 else f"{needed} are"
    return (
        f"Channels raise it by {up:+z.2f} and lower it by {down:+z.2f}, the strongest of {len(values)}, channel "
        f"{int(strongest.input_channel)}, by {strongest.contribution:+z.2f}; {many} enough for half of all."
    )


def _small(value: float) -> str:
    return f"{value:.0e}" if value else "0"
