"""The rules, in the standard library alone: what names, codes and reservations are."""
