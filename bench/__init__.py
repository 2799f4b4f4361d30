"""Speed and size, measured as ratios to a floor in the same run. Not part of the library."""
