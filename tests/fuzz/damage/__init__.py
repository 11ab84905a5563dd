"""Ways to damage a file: each draws one, and returns the new content and a line that tells it."""
