"""The parts of the page *Ladder*."""
