import unittest

from numerals.digits import digits


class Digits(unittest.TestCase):
    def test_they_are_in_order(self):
        self.assertEqual(digits(407), [4, 0, 7])
