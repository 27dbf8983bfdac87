"""Digits of numbers."""


def digits(number: int) -> list[int]:
    """Return the decimal digits of a number that is not negative."""
    return [int(digit) for digit in str(number)]
