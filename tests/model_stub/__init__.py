"""A server that speaks as OpenAI's does, with answers and faults that a test or a benchmark has chosen."""
