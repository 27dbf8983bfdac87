import unittest

from log_reader.filtering import at_least
from log_reader.parsing import parse

LOG = "09:00:00 DEBUG a\n09:00:01 WARNING b\n09:00:02 ERROR c\n"


class Filtering(unittest.TestCase):
    def test_less_important_levels_are_left_out(self):
        self.assertEqual([entry.text for entry in at_least(parse(LOG), "WARNING")], ["b", "c"])
