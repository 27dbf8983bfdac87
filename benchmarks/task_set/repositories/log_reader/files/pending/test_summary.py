import unittest

from log_reader.parsing import parse
from log_reader.summary import summary


class Summary(unittest.TestCase):
    def test_it_is_one_line(self):
        log = "09:00:00 INFO a\n09:00:01 ERROR b\n09:00:30 INFO c\n"
        self.assertEqual(summary(parse(log)), "3 entries in 30 s: 1 ERROR, 2 INFO")
