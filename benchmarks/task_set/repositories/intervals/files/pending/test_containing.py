import unittest

from intervals.interval import Interval


class Containing(unittest.TestCase):
    def test_the_start_is_inside_and_the_end_is_not(self):
        self.assertIn(1, Interval(1, 3))
        self.assertNotIn(3, Interval(1, 3))
