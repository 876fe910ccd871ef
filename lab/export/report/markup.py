"""HTML that cannot be broken by what is put into it: every text is escaped unless it is `Html` already."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from typing import Any

_EMPTY = ("meta", "img", "br", "link")  # elements without an end tag


class Html(str):
    """Text that is HTML: made by the functions of this file only."""

    __slots__ = ()


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """Return an element; children that are not `Html` are escaped.

    Attributes that are None or False are left out, True is written as its bare name, `class_` as class, `_` as a dash.
    """
    start = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items())}>"
    return Html(start if name in _EMPTY else f"{start}{join(children)}</{name}>")


def join(children: Iterable[object]) -> Html:
    """Return `children` one after the other, escaped where they are not `Html`; None is nothing."""
    return Html("".join(c if isinstance(c, Html) else html.escape(str(c)) for c in children if c is not None))


def data_script(identifier: str, value: Any) -> Html:
    """Return `value` as strict JSON in a script element that is never run and that no text in it can end."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Html(f'<script type="application/json" id="{html.escape(identifier)}">{text}</script>')


def trusted(text: str) -> Html:
    """Return the lab's own style or script as it is. Never give it anything from a run."""
    return Html(text)


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'
