"""Programs that try to get out: what a wall is tried with before an answer may run behind it.

Each defines `attempt(lure)` and returns True where it got out. `lure` says what stands outside to
be reached: `secret` (a file), `folder` (one that may be written), `port` (somebody listens there),
`process` (ours). None harms where it does get out.
"""

import textwrap
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way out: what the operator is told should it work, and the body of `attempt`."""

    what: str
    body: str

    @property
    def source(self) -> str:
        """The program, whose errors mean that it did not get out."""
        return (
            f"def attempt(lure):\n    try:\n{textwrap.indent(self.body, ' ' * 8)}\n"
            "    except Exception:\n        return False\n"
        )


ATTEMPTS: Final = (
    Attempt("reads a file", "return bool(open(lure['secret']).read())"),
    Attempt(
        "reads through another process's root",
        "return any(bool(open(f'/proc/{one}/root' + lure['secret']).read())\n"
        "           for one in ('self', lure['process']))",
    ),
    Attempt(
        "follows a link of its own",
        "import os\nos.symlink(lure['secret'], 'link')\nreturn bool(open('link').read())",
    ),
    Attempt("writes a file", "open(lure['folder'] + '/left', 'w').write('x')\nreturn True"),
    Attempt("lists a folder", "import os\nreturn bool(os.listdir(lure['folder']))"),
    Attempt(
        "connects",
        "import socket\nsocket.create_connection(('127.0.0.1', lure['port']), 1)\nreturn True",
    ),
    Attempt(
        "starts a process",
        "import os\npid = os.fork()\nif not pid:\n    os._exit(0)\nos.waitpid(pid, 0)\nreturn True",
    ),
    Attempt(
        "runs a command",
        "import os\nreturn os.system('echo x > ' + lure['folder'] + '/left') == 0",
    ),
    Attempt("signals a process", "import os\nos.kill(lure['process'], 0)\nreturn True"),
    Attempt(
        "calls native code",
        "import ctypes\nname = (lure['folder'] + '/left').encode()\n"
        "return ctypes.CDLL(None).mkdir(name, 0o700) == 0",
    ),
    Attempt(
        "reads the environment",
        "import os\nreturn bool(set(os.environ) - {'LC_CTYPE', 'PWD'})",
    ),
    Attempt(
        "inherits an open file",
        "import os\ngot = b''\nfor number in range(3, 64):\n    try:\n"
        "        got += os.read(number, 64)\n    except OSError:\n        pass\n"
        "return b'lure' in got",
    ),
    Attempt("raises its limits", "import resource\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (9, 9))\nreturn True"),
    Attempt("takes a gigabyte", "return len(bytearray(1 << 30)) == 1 << 30"),
    Attempt(
        "prints eight megabytes",
        "import os\nfor _ in range(8):\n    sent = os.write(1, b' ' * (1 << 20))\n"
        "    if sent < 1 << 20:\n        return False\nreturn True",
    ),
)  # fmt: skip

ENDLESS: Final = "def attempt(lure):\n    while True:\n        pass\n"
HARMLESS: Final = (
    "from collections import Counter\nimport math\ndef attempt(lure):\n"
    "    return math.isqrt(Counter(sorted(lure))['folder'] * 4) == 2\n"
)
