"""A server that speaks as providers of models do, with answers and faults of one's choice."""
