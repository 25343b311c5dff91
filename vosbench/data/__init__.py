"""Check, download and unpack the files of datasets."""
