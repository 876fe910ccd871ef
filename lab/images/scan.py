"""Finding out about many files at once: digests and facts, in threads, from the cache where they are known.

Only as many files are decoded as are needed, in the order in which `balanced_positions` would choose them.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final, TypeVar

from lab.images.facts import FactsCache, ImageFacts, examine
from lab.images.image_signature import ImageSignature, LooksFile
from lab.images.layout import Member, Unreadable
from lab.progress import Progress
from lab.settings import cache_dir

T = TypeVar("T")

_AT_ONCE: Final = 256  # files read ahead at most; their facts are kept together


def digest_of(data: bytes) -> str:
    """Return the name of a file's content: its SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def digests_of(
    members: Sequence[Member], cache: FactsCache, progress: Progress
) -> tuple[dict[int, str], dict[int, str]]:
    """Return digests, and reasons where a file cannot be read, by position."""
    seen = cache.digests(member.version for member in members if member.version)
    digests = {k: seen[member.version] for k, member in enumerate(members) if member.version in seen}
    unread: dict[int, str] = {}
    fresh: dict[str, str] = {}
    left = [k for k in range(len(members)) if k not in digests]
    for k, outcome in _in_threads(lambda k: _readdigest_of(members[k]), left, "Reading images", progress):
        if isinstance(outcome, Unreadable):
            unread[k] = str(outcome)
            continue
        digests[k] = outcome
        if members[k].version:
            fresh[members[k].version] = outcome
    if fresh:
        cache.keep_digests(fresh)
    return digests, unread


def _readdigest_of(member: Member) -> str | Unreadable:
    try:
        return digest_of(member.read())
    except Unreadable as error:
        return error


def facts_of_chosen(
    members: Sequence[Member],
    usable: Sequence[int],
    digests: dict[int, str],
    per_class: int | None,
    cache: FactsCache,
    progress: Progress,
) -> dict[int, ImageFacts]:
    """Return the facts of enough files to fill every class with usable ones, or of all, by position."""
    queues: dict[int, list[int]] = defaultdict(list)
    for k in sorted(usable, key=lambda k: (digests[k], k), reverse=True):
        queues[members[k].label].append(k)
    facts: dict[int, ImageFacts] = {}
    wanted = {label: per_class if per_class is not None else len(queue) for label, queue in queues.items()}
    while batch := [k for label, queue in queues.items() for k in _taken(queue, wanted[label])]:
        facts.update(_facts(members, sorted(batch), digests, cache, progress))  # a shard's images one after the other
        for k in batch:
            wanted[members[k].label] -= not facts[k].reason
    return facts


def _taken(queue: list[int], count: int) -> list[int]:
    return [queue.pop() for _ in range(min(count, len(queue)))]


def _facts(
    members: Sequence[Member], batch: Sequence[int], digests: dict[int, str], cache: FactsCache, progress: Progress
) -> dict[int, ImageFacts]:
    looks = LooksFile(cache_dir("images"))
    known: dict[str, ImageFacts] = {}
    for start in range(0, len(batch), _AT_ONCE):
        known |= _without_looks(cache.facts(digests[k] for k in batch[start : start + _AT_ONCE]), looks)
    position = {digests[k]: k for k in batch if digests[k] not in known}  # one file for each new content
    found: dict[str, tuple[ImageFacts, bytes]] = {}
    passing: dict[str, ImageFacts] = {}

    def keep() -> None:
        cache.keep(found)
        known.update(_without_looks({digest: facts for digest, (facts, _) in found.items()}, looks))
        found.clear()

    outcomes = _in_threads(
        lambda k: _examined(members[k], digests[k]), list(position.values()), "Checking images", progress
    )
    for k, (facts, small, lasting) in outcomes:
        if lasting:
            found[digests[k]] = facts, small
        else:
            passing[digests[k]] = facts
        if len(found) >= _AT_ONCE:
            keep()
    keep()
    return {k: known.get(digests[k]) or passing[digests[k]] for k in batch}


def _without_looks(facts: dict[str, ImageFacts], looks: LooksFile) -> dict[str, ImageFacts]:
    """Return facts whose signatures are on disk rather than in memory."""
    return {
        digest: replace(one, look=looks.add(one.look)) if isinstance(one.look, ImageSignature) else one
        for digest, one in facts.items()
    }


def _examined(member: Member, digest: str) -> tuple[ImageFacts, bytes, bool]:
    """Return facts, thumbnail, and whether they are true of this content for ever."""
    try:
        data = member.read()
        if digest_of(data) != digest:
            return ImageFacts("changed while it was being read"), b"", False
        return *examine(data), True
    except Unreadable as error:
        return ImageFacts(str(error)), b"", False
    except MemoryError:
        return ImageFacts("too large for this machine's memory"), b"", False


def _in_threads(
    work: Callable[[int], T], positions: Sequence[int], stage: str, progress: Progress
) -> Iterator[tuple[int, T]]:
    """Yield (position, result) in order while the others are worked on, and say how far it is."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for start in range(0, len(positions), _AT_ONCE):
            part = positions[start : start + _AT_ONCE]
            for done, (k, result) in enumerate(zip(part, pool.map(work, part), strict=True), start + 1):
                progress(stage, done, len(positions), "images")
                yield k, result
