"""A small MCP server that does what a test asks of it, also the wrong things."""
