import unittest

from cache.memoize import memoize


class Memoize(unittest.TestCase):
    def test_a_function_is_called_once_for_the_same_arguments(self):
        calls = []

        @memoize(capacity=1)
        def double(number):
            calls.append(number)
            return 2 * number

        self.assertEqual([double(2), double(2), double(3), double(2)], [4, 4, 6, 4])
        self.assertEqual(calls, [2, 3, 2])
