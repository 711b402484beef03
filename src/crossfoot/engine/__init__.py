"""The imperative shell: what a run does, in rooms that know only those below. ``core`` decides, ``store`` keeps."""
