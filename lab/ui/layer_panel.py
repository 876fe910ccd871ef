"""The chosen layer of a probe run, and the chosen image through all layers: what every page of such a run shows."""

from __future__ import annotations

import html
import shlex
from typing import Any

import pandas as pd
import streamlit as st

from lab.charts.decisions import confusion_matrix, confusion_rows, image_by_depth
from lab.charts.map_rows import data_url, trust_by_layer
from lab.charts.maps import map_points, moving_map
from lab.charts.tables import changes_at, layer_table
from lab.charts.theme import layers_of
from lab.experiments.base import Request
from lab.experiments.channels.depth_strip import DepthStripRequest
from lab.experiments.channels.visualize import VisualizeRequest
from lab.experiments.result import Result
from lab.models import ModelRef
from lab.models.cards import cached_card
from lab.runs.examples import example_of
from lab.ui.chart import chart_spec, on_a_phone, show_chart, show_moving
from lab.ui.chosen import choose_image, chosen_image, layer_picker, relative
from lab.ui.gallery import Picture, gallery
from lab.ui.run_cache import finished_result, made_of, run_of
from lab.ui.text import count, escaped

SHOWN = 12  # images of a kind
PATCHES = 8
SIDE, SIDE_ON_A_PHONE = 250, 200  # pixels of the confusion matrix
FIELD = (
    '<figure class="lab-field"><div><img src="{url}" alt="{alt}"><i style="width:{width:.2f}%;height:{height:.2f}%">'
    "</i></div><figcaption>{told}</figcaption></figure>"
)


def layer_panel(result: Result, model: str, *, mapped: bool = True) -> None:
    """Show what is to be known of the chosen layer: its numbers, what changes there, what it sees, how to use it.

    Its map is left out where it is not `mapped`: on a page that shows it anyway.
    """
    with st.container(border=True, key="layer_panel"):
        layer = layer_picker(layers_of(result["layers"], model))
        row = made_of(result, layer_table, model=model).set_index("layer").loc[layer]
        about = result["layers"].query("model == @model").set_index("layer").loc[layer]
        st.html(_figures(model, layer, row, about))
        changes = made_of(result, changes_at, model=model, layer=layer)
        new, wrong = st.columns(2, gap="large")
        with new:
            _images(result, changes, "newly right", "layer_new", also="lost")
        with wrong:
            _images(result, changes, "still wrong", "layer_wrong")
        left, right = st.columns(2, gap="large")
        with left:
            _field(result, about, changes)
            _patches(result, model, layer)
        with right:
            _drawn(result, model, layer, changes, mapped=mapped and not result["projection"].empty)
        _use(result, model, layer)


def image_panel(result: Result, model: str, image: str) -> None:
    """Show one image through all layers; nothing where `image` is none of the run's."""
    known = result["images"].set_index("image")
    if image not in known.index:
        return
    name = known.loc[image, "class"]
    with st.container(border=True, key="image_panel"):
        picture, course = st.columns([1, 4], gap="medium")
        url = data_url(known.loc[image, "thumbnail"])
        picture.html(f'<img class="lab-chosen" src="{url}" alt="{html.escape(image, quote=True)}">' if url else "")
        picture.markdown(f"**{escaped(name)}**  \n:small[{escaped(image)}]")
        picture.button("Close", key="image_none", icon=":material/close:", on_click=choose_image, args=("",))
        with course:
            show_chart(result, image_by_depth, key="image_chart", model=model, image=image)


def _figures(model: str, layer: str, row: Any, about: Any) -> str:
    numbers = [("accuracy", f"{row['accuracy']:.2f}"), ("95 % interval", f"{row['ci_low']:.2f}–{row['ci_high']:.2f}")]
    numbers += [(told, f"{row[name]:.2f}") for name, told in (("untrained", "untrained twin"),) if name in row]
    numbers += [("dimensions", f"{about['dim']:,}")]
    if (field := _reach(about))[0]:
        numbers += [("sees, pixels", "×".join(f"{side:,}" for side in field))]
    card = cached_card(ModelRef.parse(model))
    for one in card.layers if card else ():
        if one.name == layer and card and card.flops:
            numbers += [("share of the cost", f"{one.flops / card.flops:.2f}")]
    shown = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in numbers)
    return f'<dl class="lab-figures">{shown}</dl>'


def _images(result: Result, changes: pd.DataFrame, kind: str, key: str, also: str = "") -> None:
    rows = changes[changes["change"] == kind]
    lost = f", {(changes['change'] == also).sum()} {also} again" if also else ""
    st.markdown(f"**{kind.capitalize()} here** :gray[({count(len(rows), 'image')}{lost})]")
    thumbnails = result["images"].set_index("image")["thumbnail"]
    wrong = kind == "still wrong"
    pictures = [
        Picture(
            data_url(thumbnails.get(one.image)), f"{one.image}, class {label}",
            f"{label}, taken for {one.predicted}" if wrong else str(label), str(one.image),
        )
        for one, label in zip(rows.head(SHOWN).itertuples(), rows.head(SHOWN)["class"], strict=True)
    ]  # fmt: skip
    gallery(pictures, key=f"gallery_{key}")
    if len(rows) > SHOWN:
        st.caption(f"and {len(rows) - SHOWN:,} more")


def _field(result: Result, about: Any, changes: pd.DataFrame) -> None:
    """Show how much of an image one position of the layer can depend on, drawn to scale on the chosen image."""
    height, width = _reach(about)
    side = int(about.get("height", 0)) * int(about.get("stride", 0))
    if not side or not height:
        return
    image = chosen_image(result["images"]["image"].tolist()) or changes["image"].iloc[0]
    url = data_url(result["images"].set_index("image")["thumbnail"].get(image))
    whole = height >= side and width >= side
    part = f"{height}×{width} of {side}×{side} pixels"
    told = f"One position sees {'the whole image' if whole else part}."
    shares = {"width": min(100.0, 100 * width / side), "height": min(100.0, 100 * height / side)}
    if url:
        st.html(FIELD.format(url=url, alt=html.escape(image, quote=True), told=told, **shares))


def _reach(about: Any) -> tuple[int, int]:
    """Return height and width of what one position depends on, in pixels; 0 where that is not known."""
    height, width = (int(about.get(f"receptive_field_{side}", 0)) for side in ("height", "width"))
    return height, width


def _patches(result: Result, model: str, layer: str) -> None:
    """Show the patches that excite channels of this layer, where a run of this network and these images found some."""
    data = result.request.as_dict().get("data")
    if not data or ModelRef.parse(model).own_code:
        return
    asked: list[Request] = [
        VisualizeRequest(model=model, data=data, layers=layer, channels="top:6", negative=True),
        DepthStripRequest(model=model, data=data),
    ]
    for request in asked:
        canonical = request.canonical()
        run = run_of(canonical) or example_of(canonical)
        if run is None or run.status != "finished":
            continue
        found = finished_result(run)["exemplars"].query("end == 'most'")
        if name := relative(layer, list(found["layer"].unique())):
            rows = found[found["layer"] == name].sort_values(["rank", "target"], kind="stable").head(PATCHES)
            st.markdown(f"**What excites channels of {escaped(name)}**")
            gallery(
                [
                    Picture(data_url(row["thumbnail"]), f"patch of {row['image']}", f"channel {row['target']}")
                    for row in rows.to_dict("records")
                ],
                key="layer_patches",
            )
            return


def _drawn(result: Result, model: str, layer: str, changes: pd.DataFrame, *, mapped: bool) -> None:
    """Show how the probe of a layer confuses the classes and, where it is `mapped`, its map."""
    side = SIDE_ON_A_PHONE if on_a_phone() else SIDE
    right = changes["class"] == changes["predicted"]
    st.markdown(f"**Held-out predictions at {escaped(layer)}** :gray[({right.sum()} of {len(right)} images right)]")
    matrix = chart_spec(result, confusion_matrix, model=model, side=side, moving=True)
    show_moving(result, matrix, confusion_rows, key="layer_confusion", model=model, layer=layer)
    if mapped:
        st.markdown(f"**Map of {escaped(layer)}** :gray[({made_of(result, trust_by_layer, model=model)[layer]})]")
        dots = chart_spec(result, moving_map, model=model, size=side + 40)
        show_moving(result, dots, map_points, key="layer_map", model=model, layer=layer)


def _use(result: Result, model: str, layer: str) -> None:
    """Show the commands that export the network up to this layer, with its probe."""
    run, name = shlex.quote(str(result.manifest["run"])), shlex.quote(layer)
    with st.popover("Use this layer", icon=":material/output:"):
        st.caption("The network up to here with its probe, in torch alone:")
        command = f"feature-lab export-backbone {run} --model {shlex.quote(model)} --layer {name} --out backbone"
        st.code(command, language="bash", wrap_lines=True)
