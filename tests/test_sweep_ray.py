"""The real Ray: a cluster of three nodes of one core each on this machine, nodes killed while they work."""

from __future__ import annotations

import importlib.util
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sweep_work import NETWORKS, plan, tries

import lab

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed")
NODE = {"num_cpus": 1, "object_store_memory": 80_000_000}  # the least Ray takes


@pytest.fixture
def cluster(light_units: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head without cores for tasks and three nodes with one each, which ask for a token."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(16))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    import ray  # reads whether to ask for a token when it is imported
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "object_store_memory": NODE["object_store_memory"], "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=head)
    try:
        for _ in range(3):
            made.add_node(wait=False, **NODE)
        made.wait_for_nodes()
        monkeypatch.setenv("RAY_ADDRESS", made.address)
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


def test_nodes_die_and_the_tables_are_those_of_the_local_engine_then_a_unit_kills_its_workers(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as other:
        other.setenv("FEATURE_LAB_HOME", str(tmp_path / "undisturbed"))
        undisturbed = lab.sweep(plan(), workers=1)
    monkeypatch.setenv("FEATURE_LAB_TEST_SECONDS", "0.5")
    killed = []

    def killing(stage: str, done: int, total: int, unit: str) -> None:
        """Each time another unit is finished, up to twice, kill a node and put a new one in its place."""
        if 0 < done < total and len(killed) < 2:
            node = sorted(cluster.worker_nodes, key=lambda node: node.unique_id)[0]
            killed.append(node.unique_id)
            cluster.remove_node(node, allow_graceful=False)
            cluster.add_node(wait=False, **NODE)

    found = lab.sweep(plan(), engine="ray", progress=killing)
    assert len(killed) == 2
    assert found.digest == undisturbed.digest
    assert sum(tries(network) for network in NETWORKS) >= 8

    poisoned = "tf_efficientnet_lite0@untrained:9"
    monkeypatch.setenv("FEATURE_LAB_TEST_POISON", f"die {poisoned}")
    found = lab.sweep(plan(seeds=1, networks=[*NETWORKS, poisoned]), engine="ray")
    assert tries(poisoned) == 3
    assert list(found.set_aside["network"]) == [poisoned]
