import tempfile
import unittest
from pathlib import Path

from session import Session


class Sessions(unittest.TestCase):
    def test_the_next_one_has_the_items(self):
        with tempfile.TemporaryDirectory() as folder:
            Session(Path(folder, "list")).do("add milk")
            self.assertEqual(Session(Path(folder, "list")).items, ["milk"])
