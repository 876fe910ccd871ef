"""Attributions: which places of a picture, seen at which layer, a score comes from, and whether a map is to be trusted.

targets      what is explained: a class of the network, or a probe's decision at a layer
passes       one forward and one backward pass, read at every layer
methods      the table of methods; a new one is a row
capability   which (method, layer) of a network is valid, and why not
trust*       checks of a map: completeness, randomised weights, edges, insertion and deletion, drawn parts
"""
