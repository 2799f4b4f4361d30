"""An embedded AWS to try the templates on and to test them with. Not part of the library."""
