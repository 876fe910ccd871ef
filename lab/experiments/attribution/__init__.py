"""Questions about attributions: maps of a picture with their checks, and how often maps find what really differs."""
