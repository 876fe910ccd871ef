"""The questions about how layers build on layers."""

from __future__ import annotations

from functools import partial

from lab.charts.decoding import factor_map, inverted_by_depth, rebuilt_by_depth
from lab.charts.filter_sum import filter_charts
from lab.charts.receptive_field import field_by_depth
from lab.charts.shapes import orientation_sums, part_responses, tuning_by_depth
from lab.charts.sizes import map_sizes, weight_counts
from lab.experiments.building import (
    columns,
    edges_to_shapes,
    face_toy,
    factor_decoding,
    filter_sum,
    inversion,
    receptive_field,
    receptive_field_arithmetic,
    size_arithmetic,
    sizes,
    thumbnail_decoding,
    tuning_curves,
    window_columns,
)
from lab.registry.row import Experiment, charts_of_tables

PAGE = "how_layers_build"
FILTER, EDGES, SIZES, FIELD, LEFT = (
    "One filter", "Edges become shapes", "Sizes and weights", "Receptive field", "What is left",
)  # fmt: skip

ROWS = (
    Experiment(
        "filter", "Why does a filter span all input channels, and sum them?",
        filter_sum.FilterRequest, filter_sum.run, window_columns.FILTER,
        page=PAGE, tab=FILTER, often=True, charts=filter_charts,
    ),
    Experiment(
        "face", "How do eyes and a mouth become a face?",
        face_toy.FaceRequest, face_toy.run, window_columns.FACE, page=PAGE, tab=FILTER,
    ),
    Experiment(
        "edges", "How do edges become shapes?",
        edges_to_shapes.EdgesRequest, edges_to_shapes.run, columns.EDGES, page=PAGE, tab=EDGES, often=True,
        charts=charts_of_tables(("parts", "responses", part_responses), ("sums", "combinations", orientation_sums)),
    ),
    Experiment(
        "tuning", "What are early and late channels tuned to?",
        tuning_curves.TuningRequest, tuning_curves.run, columns.TUNING, page=PAGE, tab=EDGES,
        charts=charts_of_tables(
            *((f"tuning-{which}", "tuning", partial(tuning_by_depth, which=which)) for which in ("best", "mean"))
        ),
    ),
    Experiment(
        "sizes", "How large is what comes out, and how many weights does it take?",
        sizes.SizesRequest, sizes.run, window_columns.SIZES, page=PAGE, tab=SIZES, often=True,
        charts=charts_of_tables(("sizes", "windows", map_sizes), ("weights", "weights", weight_counts)),
    ),
    Experiment(
        "slide", "How many positions does a window have?",
        size_arithmetic.SlideRequest, size_arithmetic.run, window_columns.SLIDE, page=PAGE, tab=SIZES,
    ),
    Experiment(
        "field", "How much of the picture does one position see?",
        receptive_field.FieldRequest, receptive_field.run, window_columns.FIELD, page=PAGE, tab=FIELD, often=True,
        charts=charts_of_tables(("fields", "fields", field_by_depth)),
    ),
    Experiment(
        "stack", "How far does a stack of layers see?",
        receptive_field_arithmetic.StackRequest, receptive_field_arithmetic.run, window_columns.STACK,
        page=PAGE, tab=FIELD,
    ),
    Experiment(
        "thumbnail", "How can a late layer find faces if the first one only kept edges?",
        thumbnail_decoding.ThumbnailRequest, thumbnail_decoding.run, columns.THUMBNAIL,
        page=PAGE, tab=LEFT, often=True, aliases=("left",),
        charts=charts_of_tables(
            *((f"rebuilt-{kind}", "rebuilt", partial(rebuilt_by_depth, pooling=kind)) for kind in ("4x4", "avg"))
        ),
    ),
    Experiment(
        "factors", "Which facts can be read off a layer?",
        factor_decoding.FactorsRequest, factor_decoding.run, columns.FACTORS, page=PAGE, tab=LEFT,
        charts=charts_of_tables(("factors", "readings", factor_map)),
    ),
    Experiment(
        "inversion", "Which pictures look the same to a layer?",
        inversion.InversionRequest, inversion.run, columns.INVERSION, page=PAGE, tab=LEFT,
        charts=charts_of_tables(("inverted", "summary", inverted_by_depth)),
    ),
)  # fmt: skip
