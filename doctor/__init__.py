"""What is wrong, why, and what puts it right.

`checks` are pure: evidence in, observations out. What gathers the evidence stands beside them, in `stacks`
(from the store), `directory` (lock, disk, files) and `clocks`. `diagnosis.diagnose` puts the two together.
"""
