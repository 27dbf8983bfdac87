import unittest

from tables.shortening import shortened


class Shortening(unittest.TestCase):
    def test_long_cells_end_with_an_ellipsis(self):
        self.assertEqual(shortened([["abcdef", "ab"]], width=4), [["abc…", "ab"]])
