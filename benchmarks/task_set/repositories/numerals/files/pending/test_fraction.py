import unittest

from numerals.fraction import mixed


class Fraction(unittest.TestCase):
    def test_whole_parts_come_first(self):
        self.assertEqual([mixed(7, 4), mixed(3, 6), mixed(8, 4)], ["1 3/4", "1/2", "2"])
