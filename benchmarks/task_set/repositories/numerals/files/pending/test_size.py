import unittest

from numerals.size import size


class Size(unittest.TestCase):
    def test_some(self):
        self.assertEqual([size(n) for n in (512, 2048, 3 * 1024**2)], ["512 B", "2.0 KiB", "3.0 MiB"])
