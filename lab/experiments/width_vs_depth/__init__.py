"""Why stack layers and not lay them side by side? Small networks of equal size, arranged in five ways."""
