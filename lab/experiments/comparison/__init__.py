"""Networks side by side on the same images: what their layers know, how alike they are, what they cost."""
