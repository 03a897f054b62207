"""Predicates of the differences in tests/parity/differences.py: each returns whether it explains a finding.

A predicate is as narrow as possible. If the right value is known, it compares our side with that value.
"""
