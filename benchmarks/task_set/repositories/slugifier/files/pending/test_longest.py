import unittest

from slugs.text import slugify


class Longest(unittest.TestCase):
    def test_it_is_cut_at_the_end_of_a_word(self):
        self.assertEqual(slugify("one two three", longest=9), "one-two")

    def test_a_first_word_that_is_too_long_is_cut(self):
        self.assertEqual(slugify("incomprehensible", longest=5), "incom")

    def test_a_short_one_stays(self):
        self.assertEqual(slugify("one two", longest=7), "one-two")
