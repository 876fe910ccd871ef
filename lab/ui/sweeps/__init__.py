"""The page *Sweep*: many networks on many image sets."""
