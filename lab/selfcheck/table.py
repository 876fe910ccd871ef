"""Every system whose right answer is known, with what must come out: a row each."""

from __future__ import annotations

from functools import partial

from lab.selfcheck import arithmetic, networks, planted
from lab.selfcheck.types import KnownAnswer

ARAUJO = "Araujo, Norris & Sim 2019, Computing receptive fields of convolutional neural networks"

CHECKS: tuple[KnownAnswer, ...] = (
    KnownAnswer(
        "window sizes", "every window of up to 7 taps on up to 19 pixels, rounded down and up", "4568 of 4568",
        "Dumoulin & Visin 2016, relationship 15, against torch", arithmetic.convolution_sizes,
    ),
    KnownAnswer(
        "stacks of windows", "1 to 20 layers of 3 × 3 and of 5 × 5; a stem of 7/2, 3/2, 3, 3 dilated by 2",
        "3 × 3 as 2n + 1, 5 × 5 as 4n + 1, stem 35", "closed form", arithmetic.stacks_of_windows,
    ),
    KnownAnswer(
        "field of AlexNet", "its last pooling, untrained", "195 pixels, stride 32, exact", ARAUJO,
        arithmetic.alexnet_field,
    ),
    KnownAnswer(
        "field of VGG-16", "its last pooling, untrained", "212 pixels, stride 32, exact", ARAUJO,
        arithmetic.vgg16_field,
    ),
    KnownAnswer(
        "field of ResNet-50", "its last stage, untrained; stride in each stage's first 1 × 1 layer (He et al. 2015)",
        "483 pixels, stride 32, exact", ARAUJO, partial(arithmetic.resnet50_field, stride_in_first=True),
    ),
    KnownAnswer(
        "field of ResNet-50 as built", "the same, stride in each stage's first 3 × 3 layer (torchvision, timm)",
        "427 pixels, stride 32, exact", "the same arithmetic with that placement",
        partial(arithmetic.resnet50_field, stride_in_first=False),
    ),
    KnownAnswer(
        "similarity (CKA)", "two embeddings by definition; one rotated, scaled and shifted; 20 independent pairs",
        "off by less than 1e-10; rotated 1; independent within 0.03 of 0", "Song et al. 2012, equation 4",
        arithmetic.cka_of_known_matrices,
    ),
    KnownAnswer(
        "selective channel", "one channel 2 deviations apart between classes among 300 of noise",
        "channel 7 first, area 0.92 ± 0.05; the ten best of noise 0.50 ± 0.05", "area = Φ(2 / √2)",
        arithmetic.selectivity_of_channels,
    ),
    KnownAnswer(
        "layers come apart", "6 layers of 64 channels, classes 0.2 to 2.6 deviations apart, 200 images, 3 draws",
        '"for" in 3 of 3', "planted", planted.rising,
    ),
    KnownAnswer(
        "layers fall together", "the same in reverse order", '"against" in 3 of 3', "planted", planted.falling,
    ),
    KnownAnswer(
        "layers stay as they are", "the same, all 1.6 deviations apart", '"undecided" in 3 of 3', "planted",
        planted.flat,
    ),
    KnownAnswer(
        "one layer in widths", "16, 24, 40, 80 and 112 random channels of one layer in place of layers, 20 draws",
        '"for" in at most 1 of 20', "width is no depth", planted.one_layer_in_widths,
    ),
    KnownAnswer(
        "labels of a coin", "noise, 200 images; true and shuffled labels, the mean of 6 draws of 3 layers",
        "true 0.50 ± 0.04, shuffled 0.50 ± 0.02", "Hewitt & Liang 2019, selectivity of nothing",
        planted.labels_of_a_coin,
    ),
    KnownAnswer(
        "code length", "120 labels, noise and classes 12 deviations apart",
        "within 3 bits of 0 saved, and more than 90", "Voita & Titov 2020", planted.code_of_known_labels,
    ),
    KnownAnswer(
        "decisions by luck", "200 images that layers 1 to 5 of 8 guess and layer 6 knows",
        "many right for good earlier, 0 of them counted", "planted", planted.decisions_by_luck,
    ),
    KnownAnswer(
        "texture", "noise oriented at 35 or 60 degrees, 100 images, trained network",
        'not "for", first layer at least 0.95', "the first layer holds oriented filters", networks.texture,
    ),
    KnownAnswer(
        "gratings", "gratings that lean left or right, 100 images, trained network", '"against"',
        "late layers leave orientation out", networks.gratings,
    ),
    KnownAnswer(
        "position only", "a disc high left or low right, 100 images, trained network",
        '"undecided", pixels at least 0.95', "no network is needed", networks.position,
    ),
    KnownAnswer(
        "random below trained", "drawn pets, packaged weights and the same network untrained, last layer",
        'trained at least 0.90, random at most 0.70, "for"', "the default experiment", networks.trained_above_random,
    ),
    KnownAnswer(
        "maps with random weights", "Grad-CAM and saliency of a photograph, against five networks of random weights",
        "rank correlation below 0.5, its interval too", "Adebayo et al. 2018", networks.maps_with_random_weights,
    ),
)  # fmt: skip
