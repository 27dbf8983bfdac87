"""Half-open intervals."""
