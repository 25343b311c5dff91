"""Films of frames with masks over them: of runs, with truth and errors, as .mp4 or .gif."""
