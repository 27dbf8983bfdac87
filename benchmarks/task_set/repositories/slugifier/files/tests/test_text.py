import unittest

from slugs.text import slugify


class Slugify(unittest.TestCase):
    def test_words_are_joined(self):
        self.assertEqual(slugify("Hello, big World!"), "hello-big-world")

    def test_the_separator_is_used(self):
        self.assertEqual(slugify("a b", separator="_"), "a_b")
