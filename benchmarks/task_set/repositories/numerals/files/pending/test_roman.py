import unittest

from numerals.roman import to_roman


class Roman(unittest.TestCase):
    def test_some(self):
        self.assertEqual([to_roman(n) for n in (4, 9, 14, 1994)], ["IV", "IX", "XIV", "MCMXCIV"])
