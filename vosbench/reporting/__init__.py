"""Scored runs and finished tables become a report's folder."""
