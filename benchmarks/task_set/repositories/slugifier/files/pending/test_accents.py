import unittest

from slugs.text import slugify


class Accents(unittest.TestCase):
    def test_accents_are_left_out(self):
        self.assertEqual(slugify("Café à la crème"), "cafe-a-la-creme")

    def test_a_sharp_s_is_two_letters(self):
        self.assertEqual(slugify("Straße"), "strasse")
