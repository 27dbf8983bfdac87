import unittest

from matrix.determinant import determinant


class Determinant(unittest.TestCase):
    def test_of_two_rows(self):
        self.assertEqual(determinant([[1, 2], [3, 4]]), -2)

    def test_of_three_rows(self):
        self.assertEqual(determinant([[2, 0, 1], [1, 3, 2], [1, 1, 1]]), 0)
