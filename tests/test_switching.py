"""Switching a channel off: against what a linear probe must say when one number is held."""

from __future__ import annotations

import numpy as np
import pytest

from lab.experiments.channels.channel_ablation import ablate_channel
from lab.experiments.channels.probe_direction import probe_direction
from lab.experiments.channels.scan_context import ScanRequest, open_scan
from lab.progress import silent
from lab.settings import Compute


class SmallLook(ScanRequest):
    experiment = "small_look"


def test_a_channel_of_the_last_layer_is_held_at_its_average() -> None:
    look = open_scan(SmallLook("test_resnet@untrained:0", "drawn:pets", 6), "stages", silent, Compute())
    channel, end = 3, look.end
    found = ablate_channel(look, end, channel, "cat", np.arange(0), silent).effects.set_index("channel").loc[channel]
    means = look.scans[end.name].means
    weight = probe_direction(means, look.images, end, "cat").weights[channel]
    cats = look.images.labels == look.images.classes.index("cat")
    held = weight * (means[:, channel].mean() - means[cats, channel])
    assert found["change"] == pytest.approx(held.mean(), rel=1e-3, abs=1e-5)
    assert found["asked"]
