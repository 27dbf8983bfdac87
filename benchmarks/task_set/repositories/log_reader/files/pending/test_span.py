import unittest

from log_reader.parsing import parse
from log_reader.span import seconds


class Span(unittest.TestCase):
    def test_the_time_from_first_to_last_is_returned(self):
        self.assertEqual(seconds(parse("09:00:00 INFO a\n10:01:05 INFO b\n")), 3665)

    def test_of_nothing_it_is_zero(self):
        self.assertEqual(seconds([]), 0)
