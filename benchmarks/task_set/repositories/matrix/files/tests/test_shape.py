import unittest

from matrix.shape import shape


class Shape(unittest.TestCase):
    def test_rows_and_columns_are_counted(self):
        self.assertEqual(shape([[1, 2, 3], [4, 5, 6]]), (2, 3))

    def test_unequal_rows_are_refused(self):
        with self.assertRaises(ValueError):
            shape([[1], [2, 3]])
