"""The parts of the page *Break the stack*."""
