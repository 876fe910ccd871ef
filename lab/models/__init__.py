"""Finding, loading and freezing any timm model, each by one line of text: `ID[@WEIGHTS]`.

    ModelRef     which network with which weights        what requests hold; text both ways
    ModelCard    what is known of it (layers, input, …)  JSON, kept in the cache; needs no torch
    LoadedModel  the network itself, in eval mode        needs torch

Where weights come from is a table in `lab.weights`; how a card's layers are found is the business of
`lab.layers.table`.
"""

from lab.models.cards import ModelCard
from lab.models.loading import LoadedModel, Model, card, is_module, load_model, names_of, ref_of, structure
from lab.models.preprocess import Preprocessing
from lab.models.reference import ModelRef
from lab.models.search import search_models

__all__ = [
    "LoadedModel",
    "Model",
    "ModelCard",
    "ModelRef",
    "Preprocessing",
    "card",
    "is_module",
    "load_model",
    "names_of",
    "ref_of",
    "search_models",
    "structure",
]
