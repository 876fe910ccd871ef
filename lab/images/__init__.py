"""Image sets: where images come from, how they are decoded safely, which of them belong together in a split."""
