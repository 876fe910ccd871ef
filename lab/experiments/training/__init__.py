"""Training a small network here, and watching what its layers know while it learns.

asked      the two requests: train, watch
teaching   runs a `TrainRequest`; its weights become `ID@lab:NAME`
watching   runs a `WatchRequest`: the checkpoints of such a network on images that no step was computed from
told       what both found, in sentences that follow the numbers
"""
