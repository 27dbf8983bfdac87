import unittest

from matrix.power import power


class Power(unittest.TestCase):
    def test_it_is_multiplied_by_itself(self):
        self.assertEqual(power([[1, 1], [1, 0]], 10), [[89, 55], [55, 34]])

    def test_nothing_is_the_identity(self):
        self.assertEqual(power([[7]], 0), [[1]])
