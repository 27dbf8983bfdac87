import unittest

from numerals.grouping import grouped


class Grouping(unittest.TestCase):
    def test_thousands_are_apart(self):
        self.assertEqual(grouped(1234567), "1 234 567")

    def test_four_digits_stay_together(self):
        self.assertEqual(grouped(1234), "1234")
