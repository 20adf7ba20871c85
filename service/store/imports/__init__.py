"""Lists of codes that callers bring: uploaded in blocks, checked row by row, stored all or none."""
