"""What makes the files that come with the page."""
