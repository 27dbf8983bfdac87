"""The shape of a matrix."""

Matrix = list[list[int]]


def shape(matrix: Matrix) -> tuple[int, int]:
    """Return the number of rows and of columns.

    Raises:
        ValueError: the rows are not equally long.
    """
    columns = {len(row) for row in matrix}
    if len(columns) > 1:
        raise ValueError("the rows are not equally long")
    return len(matrix), columns.pop() if columns else 0
