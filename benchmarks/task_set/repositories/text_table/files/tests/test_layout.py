import unittest

from tables.layout import render


class Render(unittest.TestCase):
    def test_rows_are_lines(self):
        self.assertEqual(render([["a", 1], ["b", 2]]), "a  1\nb  2")
