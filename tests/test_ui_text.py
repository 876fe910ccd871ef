"""User-given text is shown letter for letter; numbers read well."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lab.ui
from lab.ui.gallery import AT_MOST, Picture, gallery_html
from lab.ui.text import count, duration, escaped, percent

JOINER = "\u2060"
HAS_DOC = (ast.Module, ast.ClassDef, ast.FunctionDef)


@given(st.text())
def test_plain_keeps_every_character_and_escapes_every_sign(text: str) -> None:
    shown = escaped(text)
    assert not re.search(rf"(?<!\\)[{re.escape(string.punctuation.replace(chr(92), ''))}]", shown.replace("\\\\", ""))
    unescaped = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", shown)
    assert unescaped.replace(JOINER, "") == " ".join(text.replace(JOINER, "").split()) or JOINER in text


@pytest.mark.parametrize("text", [":smile:", ":material/face:", ":red[x]", "http://a.b", "me@a.b", "www.a.b", "a->b"])
def test_plain_breaks_what_streamlit_looks_for_after_escaping(text: str) -> None:
    seen_by_streamlit = re.sub(r"\\(.)", r"\1", escaped(text))
    assert text not in seen_by_streamlit
    assert seen_by_streamlit.replace(JOINER, "") == text


def test_plain_is_one_line() -> None:
    assert escaped("a\n\n# b\tc") == r"a \# b c"


def test_a_gallery_escapes_names_and_captions() -> None:
    evil = '"><script>alert(1)</script>'
    shown = gallery_html([Picture("data:image/jpeg;base64,AAAA", evil, evil), Picture(None, evil)])
    assert "<script>" not in shown
    assert shown.count("<figure") == 2
    assert '<img src="data:image/jpeg;base64,AAAA" alt="&quot;&gt;&lt;script&gt;' in shown


def test_a_gallery_stays_small() -> None:
    assert AT_MOST <= 100


@pytest.mark.parametrize(
    ("seconds", "told"), [(None, ""), (0.2, "1 s"), (59.6, "60 s"), (120, "2 min"), (7200, "2.0 h")]
)
def test_durations(seconds: float | None, told: str) -> None:
    assert duration(seconds) == told


def test_numbers() -> None:
    assert (percent(0.9744), percent(float("nan"))) == ("97.4 %", "–")
    assert (count(1, "image"), count(1200, "image")) == ("1 image", "1,200 images")


PROMISE = re.compile(r"\ba minute|\b(few|one|two|under|about|some|ten|twenty)\b[\w ]{0,9} (minutes?|seconds?)\b", re.I)


def test_no_page_promises_a_time_that_was_not_measured_on_this_machine() -> None:
    """How long a run takes is said by its last one here (`lab.runs.pace`), never by what was written down."""
    root = Path(lab.ui.__file__).parents[2]
    found = []
    for path in [*(root / "lab" / "ui").rglob("*.py"), *(root / "pages").glob("*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docs = {
            id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, HAS_DOC) and ast.get_docstring(node)
        }
        texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docs]
        found += [(path.name, text) for text in texts if isinstance(text, str) and PROMISE.search(text)]
    assert found == []
