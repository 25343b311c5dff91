"""Labels copied from earlier frames to where embeddings are alike."""
