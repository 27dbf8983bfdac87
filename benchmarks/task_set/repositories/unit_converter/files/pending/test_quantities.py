import unittest

from quantities import parsed


class Quantities(unittest.TestCase):
    def test_a_number_and_a_unit_are_read(self):
        self.assertEqual(parsed("2.5 kg"), (2.5, "kg"))
        self.assertEqual(parsed("7m"), (7.0, "m"))

    def test_anything_else_is_refused(self):
        with self.assertRaises(ValueError):
            parsed("some kg")
