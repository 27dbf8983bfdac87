import unittest

from slugs.anchors import anchors


class Anchors(unittest.TestCase):
    def test_the_same_headings_get_different_anchors(self):
        self.assertEqual(anchors(["Usage", "Notes", "Usage"]), ["usage", "notes", "usage-2"])
