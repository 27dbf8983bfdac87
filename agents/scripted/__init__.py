"""The scripted team: four agents that need no key and no network, and do the same on the same snapshot."""
