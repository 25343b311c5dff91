"""Show which pixels a method's embeddings match: `vosbench inspect`."""
