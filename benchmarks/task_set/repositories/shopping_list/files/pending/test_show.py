import unittest

from shopping import run


class Show(unittest.TestCase):
    def test_items_are_numbered(self):
        self.assertEqual(run(["milk", "bread"], "show"), "1. milk\n2. bread")
