import unittest

from log_reader.entry import Entry


class Entries(unittest.TestCase):
    def test_the_same_are_equal(self):
        self.assertEqual(Entry("09:15:00", "INFO", "ready"), Entry("09:15:00", "INFO", "ready"))
