import unittest

from numerals.duration import duration


class Duration(unittest.TestCase):
    def test_parts_that_are_zero_are_left_out(self):
        self.assertEqual([duration(s) for s in (0, 59, 3600, 3661)], ["0 s", "59 s", "1 h", "1 h 1 min 1 s"])
