import unittest

from numerals.words import in_words


class Words(unittest.TestCase):
    def test_some(self):
        self.assertEqual([in_words(n) for n in (0, 13, 20, 42)], ["zero", "thirteen", "twenty", "forty-two"])
