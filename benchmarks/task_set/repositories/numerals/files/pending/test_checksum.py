import unittest

from numerals.checksum import is_valid


class Checksum(unittest.TestCase):
    def test_some(self):
        self.assertTrue(is_valid(79927398713))
        self.assertFalse(is_valid(79927398714))
