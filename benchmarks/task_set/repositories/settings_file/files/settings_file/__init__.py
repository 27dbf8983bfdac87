"""Files of settings."""
