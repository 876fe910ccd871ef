"""Linear probes: who is tested when, the axes an embedding is seen in, and the fit of many problems at once."""
