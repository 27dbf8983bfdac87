import unittest

from matrix.minor import minor


class Minor(unittest.TestCase):
    def test_a_row_and_a_column_are_left_out(self):
        self.assertEqual(minor([[1, 2, 3], [4, 5, 6], [7, 8, 9]], 0, 1), [[4, 6], [7, 9]])
