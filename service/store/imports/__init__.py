"""Imports: lists of codes, uploaded in blocks, checked by rows, stored all or none."""
