import unittest

from units import convert


class Grams(unittest.TestCase):
    def test_a_kilogram_has_a_thousand_grams(self):
        self.assertAlmostEqual(convert(0.25, "kg", "g"), 250.0)
