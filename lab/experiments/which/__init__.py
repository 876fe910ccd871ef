"""Which layer of which network to use for new images: cheap scores for all, the real probe for a few."""
