"""Person and backdrop as layers, and a face that opens its mouth, closes its eyes and looks about: without training."""
