"""Motion and where it comes from: driving modes, smoothing, motion files, driving videos."""
