"""The formats of conversations, one file each: `recognise` says why the rows of a file are in it, if they are."""
