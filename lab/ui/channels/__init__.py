"""The parts of the pages *What a layer looks at* and *Channels*."""
