import unittest

from settings_file.reading import read


class Problems(unittest.TestCase):
    def test_a_line_without_equals_sign_is_named(self):
        with self.assertRaisesRegex(ValueError, "line 2: 'b'"):
            read("a = 1\nb\n")
