"""What a layer looks at: exemplar patches, feature visualizations, the card of a channel, strips through the depth."""
