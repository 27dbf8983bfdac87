import unittest

from cache.lru import Cache


class Counts(unittest.TestCase):
    def test_hits_and_misses_are_counted(self):
        cache = Cache()
        cache.put("a", 1)
        cache.get("a")
        cache.get("a")
        cache.get("b")
        self.assertEqual((cache.hits, cache.misses), (2, 1))
