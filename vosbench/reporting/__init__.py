"""Write a report's folder from scored runs and finished tables."""
