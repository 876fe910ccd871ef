"""A run in the formats that other programs and people read: tables, charts, embeddings, one HTML file."""
