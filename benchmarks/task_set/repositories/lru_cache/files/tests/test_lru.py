import unittest

from cache.lru import Cache


class Values(unittest.TestCase):
    def test_what_is_put_is_got(self):
        cache = Cache()
        cache.put("a", 1)
        self.assertEqual(cache.get("a"), 1)
        self.assertEqual(len(cache), 1)

    def test_the_default_is_got_of_what_is_not_there(self):
        self.assertEqual(Cache().get("a", 5), 5)
