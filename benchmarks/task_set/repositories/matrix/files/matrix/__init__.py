"""Small matrices."""
