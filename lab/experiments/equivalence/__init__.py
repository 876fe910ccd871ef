"""Is a new network no worse than the one before, and at which layers did it change?"""
