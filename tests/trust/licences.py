"""The licences that we chose, and how packages say theirs."""

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution

# What may stand beside Apache-2.0. MPL-2.0 binds the files it stands over, which we leave alone.
ALLOWED = {
    "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "MIT", "MIT-0", "Zlib", "CC0-1.0",
    "PSF-2.0", "MPL-2.0", "LLVM-exception",
}  # fmt: skip
# How packages without an SPDX expression say it.
SAID = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "MPL-2.0 AND MIT": "MPL-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
# Used as they are, in an extra that the operator asks for.
IN_AN_EXTRA = {
    "psycopg": {"LGPL-3.0-only"},
    "psycopg-binary": {"LGPL-3.0-only"},
    "regex": {"CNRI-Python"},
    "shellingham": {"ISC License (ISCL)"},
}


def installed(names: set[str]) -> list[Distribution]:
    """Those of the names that this machine takes: a lock is for all machines."""
    found = []
    for name in sorted(names):
        try:
            found.append(distribution(name))
        except PackageNotFoundError:
            continue
    return found


# Of no licence, but of what others say of it.
ABOUT = frozenset({"DFSG approved", "OSI Approved"})


def licences(package: Distribution) -> set[str]:
    said = package.metadata
    if expression := said.get("License-Expression"):
        return set(re.findall(r"[\w.-]+", expression)) - {"AND", "OR", "WITH"}
    classes = [line.rpartition(" :: ")[2] for line in said.get_all("Classifier") or ()
               if line.startswith("License ::")]  # fmt: skip
    words = [one for one in classes if one not in ABOUT] or [said.get("License") or "unsaid"]
    return {SAID.get(word, word) for word in words}
