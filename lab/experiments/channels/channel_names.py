"""The grammar of a request's `channels`: words with commas between, read without a network.

`3`, `0-8`, `all`, `3@5x6` (a position), `top:4` (the most selective), `top:4:dog`, `class:dog` (a probe's direction).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lab.errors import LabError
from lab.experiments.early import check_classes
from lab.layers import Layer
from lab.layers.types import check_channel, check_position

MOST = 512  # targets of one layer
BY_CLASS = ("top", "class")
GRAMMAR = "a number, a range such as 0-8, top:4, 3@5x6, class:NAME or all"


@dataclass(frozen=True)
class ChannelWord:
    """One word, read. kind: "class" (`name`), "top" (`count`, `name` or ""), "all", "position" (`numbers`: channel,
    row, column) or "range" (`numbers`: first, last)."""

    text: str
    kind: str
    name: str = ""
    count: int = 0
    numbers: tuple[int, ...] = ()


def channel_words(spec: str) -> list[ChannelWord]:
    """Return the words of `spec`; raises LabError for one that names no channel, or when there is none."""
    found = [_read(word) for word in (part.strip() for part in spec.split(",")) if word]
    if not found:
        raise LabError(f"no channel is named in {spec!r}; give {GRAMMAR}")
    return found


def check_channels(
    layers: Sequence[Layer], spec: str, classes: Sequence[str], data: str, per_class: int | None = None
) -> None:
    """Raise LabError for a word that is none, a channel or position that a layer has not, a class that is not there, or
    more of them than are looked at at once.

    The classes are those of the image set `data`; none are checked when they are not listed.
    """
    for word in channel_words(spec):
        if word.name:
            check_classes([word.name], classes, data)
        if word.kind in BY_CLASS:
            check_told_apart(word.text, classes, data, per_class)
        for layer in layers if word.numbers else ():
            check_channel(layer, word.numbers[0])
            if word.kind == "position":
                check_position(layer, *word.numbers[1:])
            else:
                check_channel(layer, word.numbers[-1])
    for layer in layers:
        if (count := _at_least(spec, layer)) > MOST:
            raise LabError(
                f"{spec!r} names {count} channels of {layer.name}; at most {MOST} are looked at at once: top:{MOST} "
                "names the most selective"
            )


def check_told_apart(asked: str, classes: Sequence[str], data: str, per_class: int | None) -> None:
    """Raise LabError where channels are `asked` for by what they tell apart, and there are not two classes of two
    images each (one to choose a channel on, one to measure it)."""
    if len(classes) == 1:
        raise LabError(f"{asked} needs two classes or more, and {data} has one, {classes[0]}; name channels by number")
    if per_class == 1:
        raise LabError(f"{asked} needs two images a class or more, and one is asked for; raise the images a class")


def _at_least(spec: str, layer: Layer) -> int:
    """Return how many targets of a layer `spec` names, those that may be named twice counted once."""
    words = channel_words(spec)
    named = {number for word in words if word.kind == "range" for number in range(word.numbers[0], word.numbers[1] + 1)}
    counts = [layer.channels if word.kind == "all" else word.count for word in words]
    rest = {word.text for word in words if word.kind in ("position", "class")}
    return max(len(named), *(min(count, layer.channels) for count in counts)) + len(rest)


def _read(word: str) -> ChannelWord:
    kind, mark, rest = word.partition(":")
    if mark and kind == "class" and rest:
        return ChannelWord(word, "class", name=rest)
    count, _, only = rest.partition(":")
    if mark and kind == "top" and count.isdecimal() and int(count) > 0:
        return ChannelWord(word, "top", name=only, count=int(count))
    if word == "all":
        return ChannelWord(word, "all")
    if place := re.fullmatch(r"(\d+)@(\d+)x(\d+)", word):
        return ChannelWord(word, "position", numbers=tuple(map(int, place.groups())))
    if span := re.fullmatch(r"(\d+)(?:-(\d+))?", word):
        first, last = int(span[1]), int(span[2] or span[1])
        if last < first or last - first >= MOST:
            raise LabError(f"{word!r} is no range of channels; give the lower number first, at most {MOST} of them")
        return ChannelWord(word, "range", numbers=(first, last))
    raise LabError(f"{word!r} names no channel; give {GRAMMAR}")
