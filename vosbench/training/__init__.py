"""Train a method on unlabelled clips: settings, plan, loop, record."""
