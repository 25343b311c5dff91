"""Pure functions of (prediction, truth) for one object in one frame."""
