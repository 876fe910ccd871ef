"""Questions that break a network to see what its stack is for.

changes     one intervention at a time: what is left, for a frozen probe of the intact network and for a refit one
tail        the image instead of features for the last stage, with the best adapters there are
linear      activations taken out from the front to a depth
collapse    a stack of convolutions without activations is one convolution: the kernel, and how exactly it fits
together    the best single layer against all of them and against early and late, at matched dimension
"""
