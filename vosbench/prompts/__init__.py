"""What a method is told of an object in place of its mask, and on which frame: pure functions."""
