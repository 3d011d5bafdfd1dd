"""One target by coverage: `python -m fuzz.by_coverage NAME FOLDER -max_total_time=60 ...`.

Everything behind the folder of inputs is libFuzzer's. Needs atheris, which `make fuzz` installs.
"""

import sys

import atheris

with atheris.instrument_imports(include=["router", "policies", "classifiers"]):
    from fuzz.targets import TARGETS

if __name__ == "__main__":
    atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[sys.argv[1]])
    atheris.Fuzz()
