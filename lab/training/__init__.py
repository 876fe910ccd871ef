"""Training small networks here, so that architectures can be compared with nothing downloaded.

    recipes   how each kind of network is trained: a table, read off the network's own modules
    pixels    images as one tensor, decoded once, and which of them train, validate and test
    augment   the random changes of a batch
    loop      the training itself; a step follows from the seed alone, so a run that was ended goes on unharmed
    state     where a training stands, as arrays

What is asked and found is the business of `lab.experiments.training`, where weights lie of `lab.weights.trained`.
"""
