"""Patches, cut into files and lines."""

from recursor.web.dashboard.files.patch import parse_patch

PATCH = """\
diff --git a/a.py b/a.py
index 1..2 100644
--- a/a.py
+++ b/a.py
@@ -1,3 +1,3 @@ def f():
 same
---- a/not a header
+diff --git a/not b/a header
 end
\\ No newline at end of file
diff --git a/old.txt b/old.txt
deleted file mode 100644
--- a/old.txt
+++ /dev/null
@@ -1 +0,0 @@
-gone
diff --git "a/new\\nline" "b/new\\nline"
new file mode 100644
--- /dev/null
+++ "b/new\\nline"
@@ -0,0 +1 @@
+here
diff --git a/p.png b/p.png
Binary files a/p.png and b/p.png differ
(2 more files differ; too large to show here)
"""


def test_lines_are_those_of_their_files_whatever_they_look_like() -> None:
    patch = parse_patch(PATCH)
    assert patch.shown_all
    first, second, third, fourth = patch.files
    assert first.path == "a.py"
    assert first.lines == (
        ("@", None, None, "From line 1 def f():"),
        (" ", 1, 1, "same"),
        ("-", 2, None, "--- a/not a header"),
        ("+", None, 2, "diff --git a/not b/a header"),
        (" ", 3, 3, "end"),
    )
    assert (second.path, second.lines[1:]) == ("old.txt", (("-", 1, None, "gone"),))
    assert (third.path, third.lines[1:]) == ('"new\\nline"', (("+", None, 1, "here"),))
    assert fourth.lines == ()


def test_a_long_patch_is_cut_and_says_so() -> None:
    patch = parse_patch(PATCH, most_lines=3)
    assert not patch.shown_all
    assert sum(line[0] != "@" for file in patch.files for line in file.lines) == 3
