"""What two datasets share."""
