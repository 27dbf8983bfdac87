import unittest

from intervals.interval import Interval
from intervals.notation import parsed


class Notation(unittest.TestCase):
    def test_it_is_read(self):
        self.assertEqual(parsed("[1, 2.5)"), Interval(1, 2.5))

    def test_other_brackets_are_refused(self):
        with self.assertRaises(ValueError):
            parsed("[1, 2]")
