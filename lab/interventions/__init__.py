"""Changing a network for a while: rows of `INTERVENTIONS`, each a context manager that leaves no trace.

anatomy      which stages, blocks and activations a network has, and what enters and leaves them
swapping     `replaced`, `permuted_output`, `identity_activations`: the ways a network is changed
table        the interventions, where each is possible and, where it is not, why
"""

from lab.interventions.anatomy import Anatomy, Part, anatomy
from lab.interventions.table import INTERVENTIONS, Intervention, InterventionTarget, intervention, possible_targets

__all__ = [
    "INTERVENTIONS",
    "Anatomy",
    "Intervention",
    "InterventionTarget",
    "Part",
    "anatomy",
    "intervention",
    "possible_targets",
]
