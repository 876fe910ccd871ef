"""From files that should be images to an image set: set aside what cannot be used, choose, group.

What a file's content is like is kept by content (`facts`), so opening the same images again decodes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from lab.errors import LabError
from lab.images.decode import DecodeError, decode, thumbnail
from lab.images.facts import FactsCache, ImageFacts
from lab.images.groups import MOST_COMPARED, split_groups
from lab.images.layout import Layout, Member, Unreadable
from lab.images.modes import GrayScale, common_scale
from lab.images.scan import digest_of, digests_of, facts_of_chosen
from lab.images.types import ImageRecord, ImageSet, Quarantined, balanced_positions
from lab.progress import Progress


class EncodedSource:
    """Gives the pixels of encoded files, and makes sure that each still is the file it was."""

    def __init__(
        self,
        members: Sequence[Member],
        digests: Sequence[str],
        plain: Sequence[bool],
        scales: Sequence[GrayScale | None],
    ) -> None:
        self._members = members
        self._digests = digests
        self._plain = plain
        self._scales = scales

    def encoded(self, index: int) -> bytes:
        """Return file `index` as it is; raise LabError when it went away or changed since the set was opened."""
        member = self._members[index]
        try:
            data = member.read()
        except Unreadable as error:
            raise LabError(f"{member.id}: {error}; open the images again") from error
        if digest_of(data) != self._digests[index]:
            raise LabError(f"{member.id} was changed while it was in use; open the images again")
        return data

    def pixels(self, index: int) -> np.ndarray:
        """Return image `index` upright as RGB, uint8, shape `(H, W, 3)`."""
        try:
            return decode(self.encoded(index), self._scales[index])
        except DecodeError as error:
            raise LabError(f"{self._members[index].id}: {error}") from error

    def plain_jpeg(self, index: int) -> bytes | None:
        """Return file `index` if it is a JPEG that any decoder reads alike, else None."""
        return self.encoded(index) if self._plain[index] else None

    def thumbnail(self, index: int) -> bytes:
        """Return image `index` as a small JPEG, from the cache where it is kept."""
        kept = None if self._scales[index] else FactsCache().thumbnail(self._digests[index])
        return kept or thumbnail(self.pixels(index))


def assemble(spec: str, layout: Layout, per_class: int | None, progress: Progress) -> ImageSet:
    """Return the images of `layout`, at most `per_class` a class, with what cannot be used set aside.

    Raises LabError when a class is left without images.
    """
    cache = FactsCache()
    digests, unread = digests_of(layout.members, cache, progress)
    conflicts = _conflicts(layout, digests)
    usable = [k for k in range(len(layout.members)) if k in digests and k not in conflicts]
    facts = facts_of_chosen(layout.members, usable, digests, per_class, cache, progress)
    damaged = {k: facts[k].reason for k in facts if facts[k].reason}
    aside = [*layout.quarantined]
    aside += [Quarantined(layout.members[k].id, why) for k, why in {**unread, **conflicts, **damaged}.items()]
    chosen = _first_usable(layout.members, digests, facts, per_class)
    _check_every_class(spec, layout, chosen, aside)
    return _image_set(spec, layout, chosen, digests, facts, tuple(sorted(aside, key=lambda q: q.id)))


def _conflicts(layout: Layout, digests: dict[int, str]) -> dict[int, str]:
    """Return a reason for every file that is also, byte for byte, in another class: its label is unknown."""
    same: dict[str, dict[int, int]] = defaultdict(dict)  # per content, the first file of each class
    for k in sorted(digests):
        same[digests[k]].setdefault(layout.members[k].label, k)
    reasons = {}
    for k, digest in digests.items():
        label = layout.members[k].label
        other = next((first for owner, first in same[digest].items() if owner != label), None)
        if other is not None:
            name = layout.classes[layout.members[other].label]
            reasons[k] = f"the same file is in class {name!r} as {layout.members[other].id!r}"
    return reasons


def _first_usable(
    members: Sequence[Member], digests: dict[int, str], facts: dict[int, ImageFacts], per_class: int | None
) -> list[int]:
    """Return the positions of the images to use, in the order of the files."""
    fine = sorted(k for k in facts if not facts[k].reason)
    labels = [members[k].label for k in fine]
    return [fine[p] for p in balanced_positions(labels, [digests[k] for k in fine], per_class)]


def _check_every_class(spec: str, layout: Layout, chosen: Iterable[int], aside: Sequence[Quarantined]) -> None:
    filled = {layout.members[k].label for k in chosen}
    if filled and any(member.told.labels for member in layout.members):  # of several labels a class may have no image
        return
    for label, name in enumerate(layout.classes):
        if label not in filled:
            ids = {member.id for member in layout.members if member.label == label}
            why = next((f"{q.id!r}: {q.reason}" for q in aside if q.id in ids), "")
            raise LabError(
                f"Class {name!r} in {spec} has no usable image; {len(ids)} were set aside, such as {why}; add images"
                " or choose other classes"
            )


def _image_set(
    spec: str,
    layout: Layout,
    chosen: Sequence[int],
    digests: dict[int, str],
    facts: dict[int, ImageFacts],
    quarantined: tuple[Quarantined, ...],
) -> ImageSet:
    members = [layout.members[k] for k in chosen]
    content = [digests[k] for k in chosen]
    known = [facts[k] for k in chosen]
    groups = _groups(members, content, known)
    scales = _scales(known)
    records = tuple(
        ImageRecord(
            member.id,
            member.label,
            digest,
            group,
            f.width,
            f.height,
            member.told.part,
            member.told.factors,
            member.told.value,
            tuple(layout.classes.index(name) for name in member.told.labels),
        )
        for member, digest, group, f in zip(members, map(_pixels_digest, content, scales), groups, known, strict=True)
    )
    source = EncodedSource(members, content, [f.plain_jpeg for f in known], scales)
    notes = (*layout.notes, *_scale_notes(known, scales), *_copies_note(members))
    return ImageSet(
        spec, layout.classes, records, source, quarantined, notes, layout.factors, any(m.told.group for m in members)
    )


def _groups(members: Sequence[Member], digests: Sequence[str], facts: Sequence[ImageFacts]) -> list[int]:
    """Return the groups that were given, and where none was, those of copies that are found."""
    named = [member.told.group for member in members]
    if all(named):
        numbers = {name: number for number, name in enumerate(dict.fromkeys(named))}
        return [numbers[name] for name in named]
    found = split_groups(digests, [look for f in facts if (look := f.look) is not None])
    if not any(named):
        return found
    keys = [("given", name) if name else ("found", str(group)) for name, group in zip(named, found, strict=True)]
    numbers_of = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return [numbers_of[key] for key in keys]


def _copies_note(members: Sequence[Member]) -> tuple[str, ...]:
    """Say when copies were not looked for by what they show."""
    if len(members) <= MOST_COMPARED or all(member.told.group for member in members):
        return ()
    few = f"{MOST_COMPARED:,}"
    return (f"of more than {few} images only equal files count as copies; give groups where others may be among them",)


def _scales(facts: Sequence[ImageFacts]) -> list[GrayScale | None]:
    """Return the scale of every image with more than 8 bits a channel: the same for all with one kind of values."""
    ranges = [f.values for f in facts]
    common = {floats: common_scale([r for r in ranges if r and r.floats == floats]) for floats in (False, True)}
    return [common[r.floats] if r else None for r in ranges]


def _pixels_digest(digest: str, scale: GrayScale | None) -> str:
    """Return the name of an image's pixels: the file's own where it alone decides them."""
    return digest if scale is None else digest_of(f"{digest} {scale.black!r} {scale.white!r}".encode())


def _scale_notes(facts: Sequence[ImageFacts], scales: Sequence[GrayScale | None]) -> tuple[str, ...]:
    """Say how values of more than 8 bits were read."""
    notes = []
    for scale in dict.fromkeys(scale for scale in scales if scale):
        ranges = [f.values for f, own in zip(facts, scales, strict=True) if own == scale and f.values]
        low, high = min(r.low for r in ranges), max(r.high for r in ranges)
        notes.append(
            f"{len(ranges):,} images have more than 8 bits a channel: their values ({low:g} to {high:g}) are read from"
            f" {scale.black:g} (black) to {scale.white:g} (white), the same for all of them"
        )
    return tuple(notes)
