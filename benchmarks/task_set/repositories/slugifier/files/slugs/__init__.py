"""Names for addresses and file systems, made of titles."""
