import unittest

from tables.numbers import aligned


class Numbers(unittest.TestCase):
    def test_numbers_stand_on_the_right(self):
        self.assertEqual(aligned([["a", 5], ["b", 120]]), [["a", "  5"], ["b", "120"]])
