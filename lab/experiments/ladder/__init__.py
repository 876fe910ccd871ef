"""At which depth does each level of vision become readable? Drawn sets from hue to relations, probed layer by layer."""
