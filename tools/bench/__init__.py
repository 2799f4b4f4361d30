"""Speed and size, measured side by side in one run. Not part of the library."""
