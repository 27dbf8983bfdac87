import unittest

from settings_file.layers import merged


class Layers(unittest.TestCase):
    def test_later_ones_win(self):
        self.assertEqual(merged("a = 1\nb = 1\n", "b = 2\n"), {"a": 1, "b": 2})
