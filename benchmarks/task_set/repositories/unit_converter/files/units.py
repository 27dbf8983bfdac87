"""Converts between units of the same kind."""

# How many of its kind's basic unit (the metre, the kilogram) a unit is.
FACTORS = {
    "m": ("length", 1.0),
    "kg": ("weight", 1.0),
}


def convert(value: float, unit: str, target: str) -> float:
    """Return a value in another unit.

    Raises:
        KeyError: there is no such unit.
        ValueError: the units are of different kinds.
    """
    kind, factor = FACTORS[unit]
    target_kind, target_factor = FACTORS[target]
    if kind != target_kind:
        raise ValueError(f"{unit} is a {kind}, and {target} a {target_kind}")
    return value * factor / target_factor
