"""Stand-ins for what the corridor works with: each keeps the promises of the real part.

`tests/contract/test_fake_*.py` run the same promises over a fake and the part that it stands for.
"""
