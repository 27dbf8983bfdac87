import unittest

from shopping import run


class Clear(unittest.TestCase):
    def test_nothing_is_left(self):
        items = ["milk", "bread"]
        self.assertEqual(run(items, "clear"), "Removed 2 items.")
        self.assertEqual(items, [])
