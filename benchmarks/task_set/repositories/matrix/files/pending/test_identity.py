import unittest

from matrix.identity import identity


class Identity(unittest.TestCase):
    def test_ones_are_on_the_diagonal(self):
        self.assertEqual(identity(2), [[1, 0], [0, 1]])
