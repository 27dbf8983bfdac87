import unittest

from matrix.fibonacci import fibonacci


class Fibonacci(unittest.TestCase):
    def test_the_hundredth(self):
        self.assertEqual(fibonacci(100), 354224848179261915075)
