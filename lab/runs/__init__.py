"""Runs: the folder that holds one on disk, the process that computes one, and asking for one from Python."""
