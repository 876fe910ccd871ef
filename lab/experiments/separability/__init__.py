"""At which layer do the classes come apart? Linear probes on every layer, with the controls that make it evidence."""
