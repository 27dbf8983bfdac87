import unittest

from slugs.filenames import safe_filename


class SafeFilename(unittest.TestCase):
    def test_the_extension_is_kept(self):
        self.assertEqual(safe_filename("Été 2024/Photo 1.JPG"), "ete-2024-photo-1.jpg")

    def test_a_name_of_nothing_is_a_file(self):
        self.assertEqual(safe_filename("???"), "file")
