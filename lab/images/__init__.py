"""Image sets: where images come from, how they are decoded safely, which belong together in a split."""
