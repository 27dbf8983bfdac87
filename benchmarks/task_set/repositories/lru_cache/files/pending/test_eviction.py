import unittest

from cache.lru import Cache


class Eviction(unittest.TestCase):
    def test_the_least_recently_used_goes(self):
        cache = Cache(capacity=2)
        cache.put("a", 1)
        cache.put("b", 2)
        cache.get("a")
        cache.put("c", 3)
        self.assertEqual([cache.get(key) for key in "abc"], [1, None, 3])
