"""The reading of prompts that this process uses: in C where that was built, else in Python.

Both give the same numbers, bit for bit. Python's is the definition; what stands in native/ says the
same in a third of the time, and reading was the largest part of a request. Installing builds the
extension where it finds a C compiler, and goes on without where it does not (ADR 54).
"""

from typing import Final

from classifiers.text.lexical_features import LEXICAL
from classifiers.text.native_reader import native_reader
from classifiers.text.python_reader import python_reader

_NATIVE: Final = native_reader(LEXICAL)
READ: Final = _NATIVE or python_reader(LEXICAL)
READS_IN: Final = "c" if _NATIVE else "python"
