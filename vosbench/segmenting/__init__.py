"""A clip and what somebody points at in it -> masks, boxes and a film: the command `segment`."""
