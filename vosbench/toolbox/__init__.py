"""What several leaves share; imports no leaf."""
