"""The callbacks that come with the package, one file each."""
