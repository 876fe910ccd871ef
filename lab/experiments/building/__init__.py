"""How layers build on layers: one file per question, and what they share."""
