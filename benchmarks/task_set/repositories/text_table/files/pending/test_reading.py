import unittest

from tables.reading import from_csv


class Reading(unittest.TestCase):
    def test_quoted_cells_are_read(self):
        self.assertEqual(from_csv('a,"b, c"\n1,2\n'), [["a", "b, c"], ["1", "2"]])

    def test_short_rows_are_filled(self):
        self.assertEqual(from_csv("a,b\nc\n"), [["a", "b"], ["c", ""]])
