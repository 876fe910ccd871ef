"""At which layer do the classes come apart? Linear probes on every layer, with the controls that make it evidence."""

from lab.experiments.separability.asked import CONTROLS, DEFAULT_DATA, DEFAULT_MODEL, ProbeRequest
from lab.experiments.separability.conduct import embeddings_of, probe, run

__all__ = ["CONTROLS", "DEFAULT_DATA", "DEFAULT_MODEL", "ProbeRequest", "embeddings_of", "probe", "run"]
