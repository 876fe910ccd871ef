"""The parts of the page *What a layer looks at*."""
