"""The files of a release, how they are generated, and the steps of a release."""
