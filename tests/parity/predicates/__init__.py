"""What tells a difference of the list (tests/parity/differences.py) from any other, as narrowly as it can be said.

Where it can be said what is right, it is: a finding is explained when our side is that.
"""
