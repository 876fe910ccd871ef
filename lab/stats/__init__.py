"""From scores to what may be said: intervals, curves over depth, paired differences, and the verdict."""
