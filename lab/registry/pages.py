"""The pages of the dashboard, in the order of its navigation; the questions say on which of them they are shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """One page: its file in `pages/`, its title, an icon of Material Symbols, one line of help, its group."""

    name: str
    title: str
    icon: str
    help: str
    group: str = "Questions"


PAGES = (
    Page("overview", "Overview", "home", "What this lab is and what it finds by default.", group=""),
    Page(
        "separability", "Separability", "stacked_line_chart",
        "At which layer do the classes come apart? Probe accuracy at every layer, with its controls.",
    ),
    Page(
        "embedding_maps", "Embedding maps", "scatter_plot",
        "Two-dimensional maps of the images at every layer, linked to each other.",
    ),
    Page(
        "compare", "Compare", "compare_arrows",
        "Networks side by side on the same images, and which layer of which one to use.",
    ),
    Page(
        "check", "Check", "rule",
        "Is a new checkpoint no worse than the one before, and where did it change?",
    ),
    Page(
        "ladder", "Ladder", "stairs",
        "At which depth each level of vision becomes readable, from hue to relations, for any network.",
    ),
    Page(
        "numbers", "Numbers and labels", "straighten",
        "At which layer a number of each image (an age, a size), or each of several labels, is read, with controls.",
    ),
    Page(
        "sweep", "Sweep", "grid_on",
        "Many networks on many image sets, from a plan: networks by depth, and how much of it is finished.",
    ),
    Page(
        "how_layers_build", "How layers build", "layers",
        "What one filter adds up, how sizes and receptive fields grow, measured on a network and a picture.",
    ),
    Page(
        "break_the_stack", "Break the stack", "broken_image",
        "Parts skipped, swapped, permuted, made linear: what is left, measured.",
    ),
    Page(
        "attributions", "What a layer looks at", "center_focus_strong",
        "Attribution maps at every layer, each with the checks that say whether to trust it.",
    ),
    Page(
        "channels", "Channels", "grid_view",
        "What single channels look for: exemplar patches, images made for them, what feeds them, what they do.",
    ),
    Page(
        "train_and_watch", "Train and watch", "fitness_center",
        "Train a small network here and read its layers while it learns.",
    ),
    Page(
        "models", "Models", "search",
        "Find a network in all of timm by name, family, size, cost and licence, and see its layers.",
    ),
    Page(
        "runs", "Runs", "folder_open", "Open, compare, rename, delete and export what was computed.", group="Results"
    ),
    Page(
        "self_check", "Self-check", "verified",
        "Systems whose answer is known, put through the same functions: what was expected and what was found.",
        group="Results",
    ),
)  # fmt: skip
