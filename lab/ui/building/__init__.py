"""The parts of the page *How layers build*."""
