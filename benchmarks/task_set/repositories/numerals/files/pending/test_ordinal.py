import unittest

from numerals.ordinal import ordinal


class Ordinal(unittest.TestCase):
    def test_some(self):
        self.assertEqual(
            [ordinal(n) for n in (1, 2, 3, 4, 11, 22)], ["1st", "2nd", "3rd", "4th", "11th", "22nd"]
        )
