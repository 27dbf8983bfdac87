import unittest

from slugs.unique import unique


class Unique(unittest.TestCase):
    def test_a_free_one_stays(self):
        self.assertEqual(unique("news", {"old"}), "news")

    def test_the_first_free_number_is_added(self):
        self.assertEqual(unique("news", {"news", "news-2"}), "news-3")
