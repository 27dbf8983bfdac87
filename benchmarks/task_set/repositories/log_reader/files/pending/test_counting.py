import unittest

from log_reader.counting import by_level
from log_reader.parsing import parse


class Counting(unittest.TestCase):
    def test_levels_are_counted(self):
        log = "09:00:00 INFO a\n09:00:01 ERROR b\n09:00:02 INFO c\n"
        self.assertEqual(by_level(parse(log)), {"INFO": 2, "ERROR": 1})
