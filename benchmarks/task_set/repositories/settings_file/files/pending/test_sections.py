import unittest

from settings_file.reading import read


class Sections(unittest.TestCase):
    def test_keys_of_a_section_have_its_name(self):
        self.assertEqual(read("a = 1\n[web]\na = 2\n"), {"a": "1", "web.a": "2"})
