"""The pipeline of an import: reading, checking and storing, in chunks.

1. *read*: blocks of the file become runs of codes, each sorted; bad rows are noted.
2. *check*: the runs are merged, so that the codes come in their order, whatever order the file
   had: duplicates are adjacent, and the brand's index is scanned sequentially. Good codes are
   staged.
3. *store*: if no row was refused, the staged codes become the brand's.

docs/adr/0008-validate-imports-before-storing.md says why, and what "all or nothing" rests on.
"""
