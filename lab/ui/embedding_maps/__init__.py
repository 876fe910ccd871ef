"""The parts of the page *Embedding maps*."""
