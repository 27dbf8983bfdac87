import tempfile
import unittest
from pathlib import Path

from storing import load, save


class Storing(unittest.TestCase):
    def test_what_is_saved_is_loaded(self):
        with tempfile.TemporaryDirectory() as folder:
            save(Path(folder, "list"), ["milk", "two breads"])
            self.assertEqual(load(Path(folder, "list")), ["milk", "two breads"])

    def test_without_file_the_list_is_empty(self):
        self.assertEqual(load(Path("no such file")), [])
