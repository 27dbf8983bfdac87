import unittest

from tables.layout import render


class Header(unittest.TestCase):
    def test_a_rule_follows_the_header(self):
        text = render([["name", "n"], ["a", 1]], header=True)
        self.assertEqual(text, "name  n\n----  -\na     1")
