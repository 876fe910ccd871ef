"""Is it the layer or the probe? Several kinds of probe on the same layers, images and folds."""
