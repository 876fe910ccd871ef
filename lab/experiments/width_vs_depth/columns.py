"""The tables of width against depth."""

from lab.experiments.columns import Table, ends, same

WIDTH_VS_DEPTH = {
    "networks": Table(
        "One of the five networks.",
        {
            "network": "its short name",
            "title": "its name",
            "about": "how its layers are arranged",
            "width": "channels of a layer, as many as the parameters allow",
            "parameters": "parameters it has",
        },
    ),
    "curve": Table(
        "One moment of one training.",
        {
            "task": "what is to be told apart",
            "network": "its short name",
            **same("seed"),
            "seen": "images gone through so far, repeats counted",
            "accuracy": "share of test images right",
        },
    ),
    "summary": Table(
        "One moment of a network's trainings on one task.",
        {
            "task": "what is to be told apart",
            "network": "its short name",
            "seen": "images gone through so far, repeats counted",
            "accuracy": "share of test images right, mean over seeds",
            **ends("over seeds and test images"),
            **same("chance"),
        },
    ),
    "leads": Table(
        "The stack against one other network on one task, at the end.",
        {
            "task": "what is to be told apart",
            "network": "the other network",
            "lead": "accuracy of the stack minus that of the other, paired over seeds and test images",
            **ends("over seeds and test images, for all tasks at once"),
        },
    ),
}
