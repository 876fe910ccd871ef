"""The parts of the page *Train and watch*."""
