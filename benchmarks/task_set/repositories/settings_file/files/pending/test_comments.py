import unittest

from settings_file.reading import read


class Comments(unittest.TestCase):
    def test_lines_of_comments_are_skipped(self):
        self.assertEqual(read("# a = 1\nb = 2 # two\n"), {"b": "2 # two"})
