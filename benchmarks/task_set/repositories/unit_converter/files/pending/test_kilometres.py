import unittest

from units import convert


class Kilometres(unittest.TestCase):
    def test_a_kilometre_has_a_thousand_metres(self):
        self.assertAlmostEqual(convert(1.5, "km", "m"), 1500.0)
