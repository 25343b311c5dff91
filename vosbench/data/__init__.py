"""A dataset's files: checked, downloaded, unpacked."""
