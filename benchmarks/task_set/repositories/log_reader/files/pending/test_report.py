import unittest

from log_reader.report import report


class Report(unittest.TestCase):
    def test_the_problems_follow_the_summary(self):
        log = "09:00:00 INFO a\n09:00:01 ERROR b\n09:00:30 WARNING c\n"
        lines = "3 entries in 30 s: 1 ERROR, 1 INFO, 1 WARNING\n09:00:01 ERROR b\n09:00:30 WARNING c"
        self.assertEqual(report(log), lines)
