import unittest

from units import convert


class Convert(unittest.TestCase):
    def test_the_same_unit_changes_nothing(self):
        self.assertEqual(convert(3.0, "m", "m"), 3.0)

    def test_kinds_do_not_mix(self):
        with self.assertRaises(ValueError):
            convert(1.0, "m", "kg")
