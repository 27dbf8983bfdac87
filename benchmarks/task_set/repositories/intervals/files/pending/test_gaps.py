import unittest

from intervals.gaps import gaps
from intervals.interval import Interval


class Gaps(unittest.TestCase):
    def test_what_is_between_is_returned(self):
        taken = [Interval(1, 2), Interval(4, 6), Interval(5, 7)]
        self.assertEqual(gaps(taken, Interval(0, 8)), [Interval(0, 1), Interval(2, 4), Interval(7, 8)])
