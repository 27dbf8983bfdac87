"""Diagnosis: problems, their causes and their remedies.

`checks` are pure: evidence in, observations out. The evidence is collected in `stacks` (from the store),
`directory` (lock, disk, files) and `clocks`. `diagnosis.diagnose` combines the two.
"""
