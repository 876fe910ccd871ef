"""Edges become shapes: drawings whose strokes tell nothing, sums that are the network's, a text that can say no."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lab.experiments.building import edges_to_shapes
from lab.experiments.building.edges_to_shapes import EdgesRequest, run
from lab.experiments.building.stroke_drawings import CLASSES, STIMULI, drawings, stimuli


@pytest.fixture(scope="module")
def small() -> tuple[Any, dict[str, Any]]:
    partial_results: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edges_to_shapes, "TRAINING", 160)
        patch.setattr(edges_to_shapes, "HELD_OUT", 60)
        return run(EdgesRequest(seeds=2, epochs=1), partial_results=partial_results), partial_results


def test_every_class_has_the_same_strokes() -> None:
    images, labels = drawings(900, 3)
    ink = np.array([images[labels == label].mean() for label in range(len(CLASSES))])
    assert np.ptp(ink) < 0.03 * ink.mean()
    # the energy at each orientation is the same too: no filter followed by a sum can tell the classes
    spectra = np.abs(np.fft.fft2(images - images.mean((1, 2), keepdims=True))) ** 2
    angle = np.rad2deg(np.arctan2(np.fft.fftfreq(32)[:, None], np.fft.fftfreq(32)[None, :])) % 180
    for low in (0, 45, 90, 135):
        here = np.abs((angle - low + 90) % 180 - 90) < 10
        power = [spectra[labels == label][:, here].sum() / (labels == label).sum() for label in range(len(CLASSES))]
        assert np.ptp(power) < 0.1 * np.mean(power)


def test_drawings_are_the_same_again() -> None:
    assert np.array_equal(drawings(20, 5)[0], drawings(20, 5)[0])
    assert not np.array_equal(drawings(20, 5)[0], drawings(20, 6)[0])
    assert list(stimuli(4, 0)) == list(STIMULI)


def test_the_orientation_of_bars_is_found() -> None:
    from lab.experiments.building.two_layers import group_of, orientation

    y, x = np.mgrid[-2:3, -2:3]
    wanted = np.array([0, 30, 45, 90, 135, 160])
    across = [-x * np.sin(np.deg2rad(a)) + y * np.cos(np.deg2rad(a)) for a in wanted]
    bars = np.stack([np.exp(-((distance / 0.8) ** 2)) - 0.25 for distance in across])
    angles, selectivity = orientation(bars)
    assert (np.abs((angles - wanted + 90) % 180 - 90) < 6).all()
    assert (selectivity > 0.5).all()
    round_one = np.exp(-(x**2 + y**2) / 2.0)[None]
    assert orientation(round_one)[1][0] < 1e-6
    assert [group_of(angle) for angle in (3, 44, 91, 130, 178)] == [
        "horizontal", "diagonal", "vertical", "diagonal", "horizontal",
    ]  # fmt: skip


def test_contributions_add_up_to_the_networks_own_number() -> None:
    import torch

    from lab.experiments.building.two_layers import TwoLayers, combination

    torch.manual_seed(1)
    network = TwoLayers(5, 4)
    images = drawings(7, 1)[0]
    found = combination(network, 2, images)
    assert found.difference <= 1e-12
    assert network.second is not None
    with torch.no_grad():
        own = network.second(network.edges(torch.from_numpy(images)[:, None]))[:, 2].amax((1, 2))
    assert np.allclose(found.added.sum(1) + found.bias, own.numpy(), rtol=0, atol=1e-5)


def test_the_template_is_the_linear_networks_gradient() -> None:
    import torch

    from lab.experiments.building.two_layers import FIRST_KERNEL, POOL, SECOND_KERNEL, TwoLayers, template

    torch.manual_seed(2)
    network = TwoLayers(3, 2).double()
    assert network.second is not None
    side = POOL * SECOND_KERNEL + FIRST_KERNEL - 1
    image = torch.zeros(1, 1, side, side, dtype=torch.double, requires_grad=True)
    linear = network.second(torch.nn.functional.avg_pool2d(network.first(image), POOL))
    assert tuple(linear.shape) == (1, 2, 1, 1)
    (gradient,) = torch.autograd.grad(linear[0, 1, 0, 0], image)
    assert np.allclose(template(network, 1), gradient[0, 0].numpy(), rtol=0, atol=1e-12)


def test_training_learns_and_leaves_threads_and_randomness_alone() -> None:
    import torch

    from lab.experiments.building.two_layers import accuracy, beginning, train
    from lab.malloc import one_thread
    from lab.threads import in_threads

    torch.manual_seed(7)
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    images, labels = drawings(600, 0)
    steps: list[int] = []
    networks = [beginning(4, 4, seed=1) for _ in range(2)]

    def work(network: Any) -> None:
        train(network, images, labels, seed=1, epochs=4, step=lambda: steps.append(1))

    with one_thread():
        list(in_threads(work, networks, threads=2))
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), state)
    assert accuracy(networks[0], *drawings(300, 9)) > 0.45
    assert all(torch.equal(a, b) for a, b in zip(networks[0].parameters(), networks[1].parameters(), strict=True))
    assert len(steps) == 2 * 4 * (600 // 32)


def test_a_run_has_its_tables_and_goes_on_from_its_pieces(
    small: tuple[Any, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from lab.experiments.building import two_layers

    result, partial_results = small
    assert result["accuracy"].groupby("condition").size().to_dict() == {
        "two layers": 2, "one layer": 2, "shuffled labels": 2,
    }  # fmt: skip
    assert len(result["filters"]) == 2 * 2 * 8
    assert (result["channels"]["difference"] <= 1e-12).all()
    assert (result["examples"]["class"].value_counts() == edges_to_shapes.EXAMPLES).all()
    monkeypatch.setattr(edges_to_shapes, "HELD_OUT", 60)
    monkeypatch.setattr(two_layers, "train", lambda *_, **__: pytest.fail("trained again"))
    again = run(EdgesRequest(seeds=2, epochs=1), partial_results=partial_results)
    assert again["accuracy"].equals(result["accuracy"])
    assert again["combinations"].equals(result["combinations"])


def test_an_interruption_loses_no_finished_network(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    from lab import threads
    from lab.experiments.building import two_layers

    partial_results: dict[str, Any] = {}

    def interrupted(network: Any, *_: Any, **__: Any) -> None:
        if network.second is None:
            return
        end = time.monotonic() + 10
        while (
            len(partial_results) < 2 and time.monotonic() < end
        ):  # until the networks of one layer, which come later, are done
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(threads, "cores", lambda: 6)
    monkeypatch.setattr(edges_to_shapes, "TRAINING", 32)
    monkeypatch.setattr(edges_to_shapes, "HELD_OUT", 30)
    monkeypatch.setattr(edges_to_shapes, "STIMULI_EACH", 2)
    monkeypatch.setattr(two_layers, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(EdgesRequest(seeds=2, epochs=1), partial_results=partial_results)
    assert set(partial_results) == {"one layer-0", "one layer-1"}


def test_random_filters_are_no_oriented_edges() -> None:
    from lab.experiments.building.two_layers import orientation, random_selectivity

    rng = np.random.default_rng(1)
    random_ones = orientation(rng.normal(size=(4000, 5, 5)))[1]
    assert 0.03 < (random_ones > random_selectivity()).mean() < 0.08
    y, x = np.mgrid[-2:3, -2:3]
    bars = np.stack([np.exp(-((np.cos(a) * y - np.sin(a) * x) ** 2) / 0.6) - 0.3 for a in np.arange(0, 3, 0.3)])
    assert (orientation(bars)[1] > random_selectivity()).all()
