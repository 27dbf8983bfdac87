import unittest

from matrix.transpose import transposed


class Transpose(unittest.TestCase):
    def test_rows_become_columns(self):
        self.assertEqual(transposed([[1, 2, 3], [4, 5, 6]]), [[1, 4], [2, 5], [3, 6]])
