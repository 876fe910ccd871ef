"""Nicknames: a result whose tables, charts and sentences call networks what a reader calls them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from lab.errors import LabError, check_type, nearest
from lab.experiments.result import Result
from lab.models import ModelRef


def renamed(result: Result, nicknames: Mapping[str, str]) -> Result:
    """Return a result in which networks go by nicknames, given as {network: nickname}.

    A network is named as in the tables, or by its id where that fits only one. Raises LabError for a network that the
    result has not, and for a nickname that two would have.
    """
    check_type("nicknames", nicknames, Mapping, "a dictionary {network: what to call it}")
    if not nicknames:
        return result
    names = {_full_name(result, model): nickname for model, nickname in nicknames.items()}
    if len(set(names.values())) < len(names) or set(names.values()) & (set(result.request.networks()) - set(names)):
        raise LabError(f"two networks would be called the same among {', '.join(names.values())}; give each its own")
    tables = {name: _of_table(table, names) for name, table in result.tables.items()}
    return replace(result, tables=tables, manifest=_of_value(result.manifest, names))


def nicknames_in(texts: list[str]) -> dict[str, str]:
    """Return {network: nickname} of the command line's `NAME=MODEL`."""
    found = {}
    for text in texts:
        nickname, sign, model = text.partition("=")
        if not (sign and nickname.strip() and model.strip()):
            raise LabError(f"--label {text!r} is no NAME=MODEL; write it as --label 'Ours=resnet18@untrained'")
        found[model.strip()] = nickname.strip()
    return found


def _full_name(result: Result, model: str) -> str:
    known = result.request.networks() or tuple(_models_in(result))
    for fits in (model, str(ModelRef.parse(model))):
        if fits in known:
            return fits
    same = [name for name in known if name.partition("@")[0] == model]
    if len(same) == 1:
        return same[0]
    what = f"fits {len(same)} networks" if same else f"is not among them{nearest(model, known)}"
    raise LabError(f"there is no nickname for {model!r}: it {what}; the networks are {', '.join(known)}")


def _models_in(result: Result) -> list[str]:
    columns = [table["model"] for table in result.tables.values() if "model" in table]
    return list(dict.fromkeys(name for column in columns for name in column if name))


def _of_table(table: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    changed = table.copy()
    for column in table.select_dtypes(["object", "string"]):
        changed[column] = [_of_value(cell, names) for cell in table[column]]
    return changed


def _of_value(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for model, nickname in names.items():
            value = value.replace(model, nickname)
        return value
    if isinstance(value, Mapping):  # a manifest's verdicts are by network; its request says what was asked
        keep = ("request", "command", "hashes", "sources")
        return {_of_value(k, names): v if k in keep else _of_value(v, names) for k, v in value.items()}
    return [_of_value(inner, names) for inner in value] if isinstance(value, list) else value
