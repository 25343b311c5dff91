"""Copy labels from earlier frames to cells with similar embeddings."""
