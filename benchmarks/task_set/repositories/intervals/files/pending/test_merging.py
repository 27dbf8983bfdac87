import unittest

from intervals.interval import Interval
from intervals.merging import merged


class Merging(unittest.TestCase):
    def test_those_that_overlap_or_touch_become_one(self):
        given = [Interval(5, 6), Interval(1, 3), Interval(2, 4), Interval(4, 5)]
        self.assertEqual(merged(given), [Interval(1, 6)])

    def test_others_stay_apart(self):
        self.assertEqual(merged([Interval(3, 4), Interval(1, 2)]), [Interval(1, 2), Interval(3, 4)])
