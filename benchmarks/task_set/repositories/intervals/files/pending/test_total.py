import unittest

from intervals.interval import Interval
from intervals.total import total


class Total(unittest.TestCase):
    def test_what_overlaps_counts_once(self):
        self.assertEqual(total([Interval(0, 2), Interval(1, 3), Interval(5, 6)]), 4)
