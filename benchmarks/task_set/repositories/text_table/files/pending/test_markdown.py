import unittest

from tables.markdown import to_markdown


class Markdown(unittest.TestCase):
    def test_the_first_row_is_the_header(self):
        self.assertEqual(to_markdown([["a", "b"], [1, 2]]), "| a | b |\n| --- | --- |\n| 1 | 2 |")

    def test_pipes_are_escaped(self):
        self.assertEqual(to_markdown([["a|b"]]), "| a\\|b |\n| --- |")
