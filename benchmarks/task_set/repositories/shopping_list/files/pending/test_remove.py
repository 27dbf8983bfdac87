import unittest

from shopping import run


class Remove(unittest.TestCase):
    def test_an_item_is_removed(self):
        items = ["milk", "bread"]
        self.assertEqual(run(items, "remove milk"), "Removed milk.")
        self.assertEqual(items, ["bread"])

    def test_one_that_is_not_there_is_told(self):
        self.assertEqual(run([], "remove milk"), "There is no milk.")
