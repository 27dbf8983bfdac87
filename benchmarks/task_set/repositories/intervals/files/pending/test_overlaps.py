import unittest

from intervals.interval import Interval


class Overlaps(unittest.TestCase):
    def test_those_that_touch_do_not_overlap(self):
        self.assertFalse(Interval(1, 2).overlaps(Interval(2, 3)))

    def test_those_with_numbers_in_common_do(self):
        self.assertTrue(Interval(1, 3).overlaps(Interval(2, 5)))
