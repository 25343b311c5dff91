"""What a method's embeddings are alike in: `vosbench inspect`."""
