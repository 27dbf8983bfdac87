import unittest

from settings_file.reading import read


class Read(unittest.TestCase):
    def test_values_are_read_by_key(self):
        self.assertEqual(read("a = 1\n\nb=two words\n"), {"a": "1", "b": "two words"})
