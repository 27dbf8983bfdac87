"""Ten small repositories with failing tests, solved by teams with 1, 2, 4 and 8 builders."""
