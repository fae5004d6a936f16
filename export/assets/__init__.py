"""What builds the networks and graphs that the engine and the evaluation bring along; each is run once."""
