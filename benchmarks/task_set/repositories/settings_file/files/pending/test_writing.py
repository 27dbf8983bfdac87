import unittest

from settings_file.writing import write


class Write(unittest.TestCase):
    def test_sections_follow_the_other_keys(self):
        text = write({"web.port": "80", "name": "x"})
        self.assertEqual(text, "name = x\n\n[web]\nport = 80\n")
