"""What holds for the request of every question: it comes back from its values, and says what its answer depends on."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from lab.experiments.base import Request
from lab.registry import EXPERIMENTS, request_from

ASKED = [row.request_type() for row in EXPERIMENTS.values()]
READING_FILES = [
    request
    for request in ASKED
    if {"data", "picture"} & {field.name for field in dataclasses.fields(request)}
    and request.experiment != "attribution_score"  # takes drawn images only
]


def by_name(request: Request) -> str:
    return request.experiment


@pytest.mark.parametrize("request_", ASKED, ids=by_name)
def test_a_request_comes_back_from_its_values(request_: Request) -> None:
    spelled_out = request_.canonical()
    assert spelled_out.canonical() == spelled_out
    again = request_from(spelled_out.as_dict())
    assert again == spelled_out
    assert again.run_id == spelled_out.run_id


def test_no_two_questions_share_a_run() -> None:
    assert len({request.run_id for request in ASKED}) == len(ASKED)


@pytest.mark.parametrize("request_", READING_FILES, ids=by_name)
def test_an_answer_depends_on_the_files_it_is_computed_from(request_: Request, tmp_path: Path) -> None:
    """A changed folder of images, or picture, changes the stamps, so that an older answer is not shown for it."""
    from PIL import Image

    folder = tmp_path / "set" / "cat"
    folder.mkdir(parents=True)
    picture = folder / "one.png"
    Image.new("RGB", (8, 8), "red").save(picture)
    names = {field.name for field in dataclasses.fields(request_)}
    given = {"data": str(tmp_path / "set"), "picture": str(picture)}
    asked = dataclasses.replace(request_, **{name: text for name, text in given.items() if name in names})
    before = asked.sources()
    Image.new("RGB", (9, 9), "blue").save(picture)
    after = asked.sources()
    assert set(before) == set(after)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"data", "picture"} & names
