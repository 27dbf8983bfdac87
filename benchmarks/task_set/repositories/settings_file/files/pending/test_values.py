import unittest

from settings_file.values import typed


class Values(unittest.TestCase):
    def test_numbers_and_truth_are_recognized(self):
        self.assertEqual([typed(text) for text in ("3", "2.5", "yes", "no")], [3, 2.5, True, False])

    def test_anything_else_is_text(self):
        self.assertEqual(typed("3 apples"), "3 apples")

    def test_quotes_make_text(self):
        self.assertEqual(typed('"3"'), "3")
