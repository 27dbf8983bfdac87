"""The scripted team: four agents that need no key and no network, and are deterministic."""
