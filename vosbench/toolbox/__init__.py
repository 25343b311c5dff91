"""What several plugins share; imports no plugin."""
