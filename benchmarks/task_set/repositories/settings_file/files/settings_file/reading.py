"""Reads files of settings."""


def read(text: str) -> dict[str, str]:
    """Return the values by key."""
    settings = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        key, _, value = line.partition("=")
        settings[key.strip()] = value.strip()
    return settings
