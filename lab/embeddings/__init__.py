"""One vector per image and layer, computed once and kept by content."""

from lab.embeddings.cached import Embeddings, embed, pixels_embedding

__all__ = ["Embeddings", "embed", "pixels_embedding"]
