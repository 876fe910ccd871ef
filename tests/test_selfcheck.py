"""The certificate: its checks find what is planted, and find it out when the lab's own functions are wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from lab import cli
from lab.selfcheck import arithmetic, certificate, planted
from lab.selfcheck.certificate import certificate_file, certify, last_certificate
from lab.selfcheck.table import CHECKS
from lab.selfcheck.types import Found, KnownAnswer

RIGHT = KnownAnswer("right", "one", "1", "arithmetic", lambda: Found("1", True))
WRONG = KnownAnswer("wrong", "two", "2", "arithmetic", lambda: Found("3", False))
BROKEN = KnownAnswer("broken", "none", "4", "arithmetic", lambda: Found(str(1 // 0), True))
QUICK = [row for row in CHECKS if row.name.startswith(("window", "stack", "field", "similarity", "selective"))]
PLANTED = ("layers come apart", "layers fall together", "layers stay as they are", "code length", "decisions by luck")


@pytest.fixture(autouse=True)
def _home(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEATURE_LAB_HOME", str(tmp_path))


def test_every_row_says_what_is_put_in_what_must_come_out_and_why() -> None:
    assert len({row.name for row in CHECKS}) == len(CHECKS)
    assert all(row.system and row.expected and row.source for row in CHECKS)


@pytest.mark.parametrize("row", [*QUICK, *(r for r in CHECKS if r.name in PLANTED)], ids=lambda row: row.name)
def test_known_answers_come_out(row: KnownAnswer) -> None:
    found = row.check()
    assert found.passed, found.text


@pytest.mark.parametrize(
    ("module", "function", "wrong", "check"),
    [
        (arithmetic, "output_size", lambda *a, **k: (a[0] - a[1]) // a[2] + 1, arithmetic.convolution_sizes),
        (arithmetic, "chain_field", lambda steps: 1 + sum(k - 1 for k, *_ in steps), arithmetic.stacks_of_windows),
        (arithmetic, "debiased_cka", lambda x, y: 0.97, arithmetic.cka_of_known_matrices),
        (planted, "judge_layers", lambda *a, **k: _Says("for"), planted.flat),
        (planted, "judge_layers", lambda *a, **k: _Says("undecided"), planted.rising),
        (planted, "judge_layers", lambda *a, **k: _Says("for"), planted.one_layer_in_widths),
        (planted, "judge_layers", lambda *a, **k: _Says("undecided", shuffled=0.45), planted.labels_of_a_coin),
    ],
)
def test_a_fault_is_found_out(
    module: Any, function: str, wrong: Any, check: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, function, wrong)
    assert not check().passed


class _Says:
    """A verdict that does not look at its layers."""

    def __init__(self, outcome: str, shuffled: float = 0.5) -> None:
        self.outcome, self.shuffled = outcome, shuffled

    def accuracy(self, control: str = "probe") -> list[float]:
        return [self.shuffled if control == "shuffled" else 0.5] * 3


def test_the_placement_of_strides_decides_the_field_of_a_resnet() -> None:
    first, second = (arithmetic.resnet50_field(stride_in_first=where) for where in (True, False))
    assert first.text.startswith("483 ")
    assert second.text.startswith("427 ")
    assert not arithmetic._field(_one_by_one(), "0", 3, 1).passed


def _one_by_one() -> Any:
    from torch import nn

    return nn.Sequential(nn.Conv2d(3, 4, 1))


def test_an_error_is_a_failed_row_and_the_others_go_on() -> None:
    found = certify((BROKEN, RIGHT, WRONG))
    assert [row.passed for row in found.rows] == [False, True, False]
    assert "ZeroDivisionError" in found.rows[0].found
    assert found.complete
    assert not found.passed
    assert last_certificate() == found


def test_a_certificate_is_kept_row_by_row_and_takes_nothing_from_a_cache() -> None:
    seen: list[Any] = []

    def look() -> Found:
        seen.append((certificate.home(), certificate.home().exists() and any(certificate.home().iterdir())))
        return Found("", True)

    before = certificate_file()
    certify((RIGHT, KnownAnswer("looks", "x", "y", "z", look)), progress=lambda *_: seen.append(_rows(before)))
    assert [entry for entry in seen if isinstance(entry, int)] == [0, 1, 2]
    (home, used) = next(entry for entry in seen if isinstance(entry, tuple))
    assert home != before.parent
    assert not used
    assert certificate_file() == before


def _rows(file: Any) -> int:
    return len(json.loads(file.read_text())["rows"])


def test_what_another_version_wrote_is_no_certificate() -> None:
    assert last_certificate() is None
    certificate_file().write_text('{"rows": [{"unknown": 1}]}')
    assert last_certificate() is None
    certificate_file().write_text("half a fi")
    assert last_certificate() is None


@pytest.mark.parametrize(("rows", "code"), [((RIGHT,), 0), ((RIGHT, WRONG), 1)])
def test_the_command_prints_the_table_and_says_by_its_exit_code_whether_all_passed(
    rows: tuple[KnownAnswer, ...], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lab.cli.selfcheck.certify", partial(certify, rows))
    for words in (["selfcheck"], ["selfcheck", "--json"]):
        try:
            ended = cli.main(words)
        except SystemExit as exit_:
            ended = exit_.code
        assert ended == code
        told = capsys.readouterr()
        assert f"{len(rows) - code} of {len(rows)} passed" in told.err
    document = json.loads(told.out)
    assert document["passed"] == (code == 0)
    assert [row["name"] for row in document["rows"]] == [row.name for row in rows]
    assert set(document["rows"][0]) == {"name", "system", "expected", "found", "passed", "source", "seconds"}


def _page() -> None:
    from lab.ui.selfcheck import selfcheck_section

    selfcheck_section()


def test_the_section_shows_the_last_certificate() -> None:
    page = AppTest.from_function(_page).run()
    assert not page.exception
    assert page.button(key="selfcheck_start")
    certify((RIGHT, WRONG))
    page.run()
    assert not page.exception
    assert "1 of 2 systems gave another answer: wrong" in page.error[0].value
    assert page.table[0].value["name"].tolist() == ["right", "wrong"]
    certify((RIGHT,))
    page.run()
    assert page.success


def test_a_check_that_is_started_on_the_page_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def sleep(command: list[str], **how: Any) -> subprocess.Popen[bytes]:
        assert command[1:] == ["-m", "lab.cli", "selfcheck", "--json"]
        started.append(real([sys.executable, "-c", "import time; time.sleep(60)"], **how))
        return started[-1]

    monkeypatch.setattr("lab.ui.selfcheck.subprocess.Popen", sleep)
    page = AppTest.from_function(_page, default_timeout=20).run()
    try:
        page.button(key="selfcheck_start").click().run()
        assert not page.exception
        assert len(started) == 1
        assert not [button for button in page.button if button.key == "selfcheck_start"]
    finally:
        for process in started:
            process.kill()
            process.wait()
    page.run()
    assert page.button(key="selfcheck_start")
