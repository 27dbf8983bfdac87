import unittest

from shopping import run


class Run(unittest.TestCase):
    def test_an_item_is_added(self):
        items = []
        self.assertEqual(run(items, "add milk"), "Added milk.")
        self.assertEqual(items, ["milk"])

    def test_an_unknown_command_is_named(self):
        self.assertEqual(run([], "fly"), "Unknown command: fly")
