"""The original's loop and the graph, with the same work for a simulated week: idle runs, waiting, cost."""
