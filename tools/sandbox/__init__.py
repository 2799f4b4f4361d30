"""An AWS emulator for the demos and the tests. Not part of the library."""
