import unittest

from matrix.product import product


class Product(unittest.TestCase):
    def test_rows_meet_columns(self):
        self.assertEqual(product([[1, 2], [3, 4]], [[5], [6]]), [[17], [39]])

    def test_shapes_must_fit(self):
        with self.assertRaises(ValueError):
            product([[1, 2]], [[1, 2]])
