import unittest

from units import convert


class Miles(unittest.TestCase):
    def test_a_mile_has_1609_metres(self):
        self.assertAlmostEqual(convert(1.0, "mi", "m"), 1609.344)
