import unittest

from tables.layout import render


class Widths(unittest.TestCase):
    def test_columns_are_as_wide_as_their_widest_cell(self):
        self.assertEqual(render([["a", "x"], ["long", "y"]]), "a     x\nlong  y")

    def test_no_line_ends_with_blanks(self):
        self.assertEqual(render([["a", "x"], ["b", "long"]]), "a  x\nb  long")
