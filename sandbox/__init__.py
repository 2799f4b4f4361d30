"""An embedded AWS for the demos and the tests. Not part of the library."""
