import unittest

from log_reader.entry import Entry
from log_reader.parsing import parse


class Parsing(unittest.TestCase):
    def test_lines_become_entries(self):
        self.assertEqual(parse("09:15:00 ERROR disk full\n"), [Entry("09:15:00", "ERROR", "disk full")])

    def test_other_lines_belong_to_the_entry_before(self):
        (entry,) = parse("09:15:00 ERROR failed\n  at line 3\n")
        self.assertEqual(entry.text, "failed\n  at line 3")
