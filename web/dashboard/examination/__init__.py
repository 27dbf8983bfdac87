"""The page of the doctor: what is wrong, why, and what puts it right."""
