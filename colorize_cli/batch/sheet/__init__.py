"""The sheet of an output folder: a page from which its photographs are looked at and picked."""
