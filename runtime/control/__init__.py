"""Motion under control: which parts of a face move, how much, from which pose on, and what moves it by hand."""
