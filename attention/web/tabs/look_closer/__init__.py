"""Look closer: questions to one model about one photo."""
