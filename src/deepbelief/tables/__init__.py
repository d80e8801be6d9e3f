"""Models of the user's own tables: what is recognised in them, how a DBN learns from them, its folder, and its use."""
