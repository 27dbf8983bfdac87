import unittest

from cache.lru import Cache
from cache.namespaces import Namespace


class Namespaces(unittest.TestCase):
    def test_the_same_key_is_another_in_another_namespace(self):
        cache = Cache()
        users, pages = Namespace(cache, "users"), Namespace(cache, "pages")
        users.put(1, "Ada")
        pages.put(1, "Home")
        self.assertEqual([users.get(1), pages.get(1), pages.get(2, "?")], ["Ada", "Home", "?"])
