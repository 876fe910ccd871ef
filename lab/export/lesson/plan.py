"""The plan of a lesson: its slides in order, what each asks first, what it then says. Written and read as TOML."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.errors import LabError, nearest

MOST_BYTES = 1_000_000
MOST_STEPS = 200
HEAD = """\
# The plan of a lesson: its slides in their order. Edit it, then make the lesson from it:
#     feature-lab export RUN --format lesson --plan THIS_FILE
# show: what of the run is seen ("" for nothing); title, told: what is said; notes: for the teacher alone (key N)
# ask: a question before anything is shown; options: its answers; right: the number of the right one (0: none)
# hide: the answer waits until somebody has predicted it; seen_first: what is shown is part of the question
"""


@dataclass(frozen=True)
class Step:
    """One slide."""

    show: str = ""
    title: str = ""
    ask: str = ""
    options: tuple[str, ...] = ()
    right: int = 0
    told: str = ""
    notes: str = ""
    hide: bool = False
    seen_first: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.right <= len(self.options):
            raise LabError(
                f"step {self.title!r} calls option {self.right} right; it has {len(self.options)}, and 0 is for none"
            )


@dataclass(frozen=True)
class Plan:
    """A lesson's title and its slides."""

    title: str
    steps: tuple[Step, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as JSON has it."""
        return dataclasses.asdict(self)

    def as_toml(self) -> str:
        """Return the plan as a TOML file with a few lines on how to edit it."""
        parts = [f"{HEAD}title = {_text(self.title)}"]
        for step in self.steps:
            told = dataclasses.asdict(step)
            parts.append("\n".join(["[[steps]]", *(f"{name} = {_toml(value)}" for name, value in told.items())]))
        return "\n\n".join(parts) + "\n"


def read_plan(path: Path) -> Plan:
    """Return the plan in a TOML file, or in the JSON file that a lesson's page saves.

    Raises LabError, naming what is wrong, for a file that holds none.
    """
    try:
        content = path.read_bytes()[: MOST_BYTES + 1]
        if len(content) > MOST_BYTES:
            raise LabError(f"{path} is larger than {MOST_BYTES:,} bytes, so it is no plan of a lesson")
        values = json.loads(content) if path.suffix.lower() == ".json" else tomllib.loads(content.decode())
    except OSError as error:
        raise LabError(f"{path} cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise LabError(f"{path} is neither TOML nor JSON ({error}); --format lesson-plan writes one") from error
    return plan_from(values, str(path))


def plan_from(values: Any, where: str) -> Plan:
    """Return the plan that plain values describe; `where` they come from is named in errors."""
    steps = values.get("steps") if isinstance(values, Mapping) else None
    if not isinstance(steps, list) or not 1 <= len(steps) <= MOST_STEPS:
        raise LabError(f"{where} needs 1 to {MOST_STEPS} steps, each a table [[steps]]")
    return Plan(_of_kind(values.get("title", ""), str, "title", where), tuple(_step(one, where) for one in steps))


def _step(values: Any, where: str) -> Step:
    if not isinstance(values, Mapping):
        raise LabError(f"{where}: a step is a table of fields, not {values!r}")
    fields = {field.name: field for field in dataclasses.fields(Step)}
    for name in values:
        if name not in fields:
            raise LabError(f"{where}: a step has no field {name!r}{nearest(name, fields)}; it has {', '.join(fields)}")
    checked = {name: _of_kind(value, type(fields[name].default), name, where) for name, value in values.items()}
    return Step(**checked)


def _of_kind(value: Any, kind: type, name: str, where: str) -> Any:
    if kind is tuple and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    if type(value) is not kind:
        raise LabError(f"{where}: {name} is {value!r}; it must be {_KINDS[kind]}")
    return value


_KINDS = {str: "text", int: "a number", bool: "true or false", tuple: "a list of texts"}


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_text, value))}]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(value: str) -> str:
    """Return text as a TOML string: JSON's escapes are TOML's, but for DEL, which TOML wants escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
