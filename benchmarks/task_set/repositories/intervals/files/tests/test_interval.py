import unittest

from intervals.interval import Interval


class Intervals(unittest.TestCase):
    def test_they_do_not_end_before_they_start(self):
        with self.assertRaises(ValueError):
            Interval(2, 1)
