import unittest

from cache.expiry import Expiring
from cache.lru import Cache


class Expiry(unittest.TestCase):
    def test_a_value_expires(self):
        now = [0.0]
        cache = Expiring(Cache(), seconds=10, clock=lambda: now[0])
        cache.put("a", 1)
        now[0] = 9.0
        self.assertEqual(cache.get("a"), 1)
        now[0] = 10.0
        self.assertEqual(cache.get("a", 0), 0)
