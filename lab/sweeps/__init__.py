"""Sweeps: networks × image sets × layers × probes × seeds, each cell a run of its own, computed by whatever engine.

A plan is spelled out into units; a unit is one probe request, so its run folder is the commit: content-addressed,
locked, written at once, resumed from its parts. A sweep's tables are made from the set of finished runs alone, whatever
computed them, in whatever order and after however many deaths.
"""
