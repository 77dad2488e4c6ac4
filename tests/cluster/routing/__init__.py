"""The corpus: statements by subject in *.sql, read by corpus.py."""
