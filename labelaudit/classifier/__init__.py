"""What trained classifiers share: their data, labels, run, tests and answers."""
