import unittest

from sentences import answer


class Sentences(unittest.TestCase):
    def test_a_question_is_answered(self):
        self.assertEqual(answer("2 m in m"), "2 m = 2 m")
