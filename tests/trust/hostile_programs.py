"""Programs as an attacker would write them into an answer; each returns True where it got out.

The raw ones need no module: they find ctypes among the classes that were loaded before the wall
closed, and ask the kernel by number. `lure` is what `classifiers/probing/walls/proof.py` lays out.
"""

import textwrap
from typing import Final

_CLASSES = "classes = {one.__name__: one for one in object.__subclasses__()}\n"
_MODULES = "modules = __builtins__['__import__']('sys').modules\n"

PLAIN: Final = {
    "eval": "return bool(eval(\"__import__('os').popen('id').read()\"))",
    "subclasses to a shell": (
        _CLASSES + "found = classes['_wrap_close'].__init__.__globals__\n"
        "return found['system']('echo x > ' + lure['folder'] + '/left') == 0"
    ),
    "loader's own reader": (
        _CLASSES + "loader = classes['FileLoader']\n"
        "return bool(loader('x', lure['secret']).get_data(lure['secret']))"
    ),
    "raw file": "import _io\nreturn bool(_io.FileIO(lure['secret']).read())",
    "posix open": "import posix\nreturn posix.open(lure['secret'], 0) > 2",
    "posix spawn": (
        "import posix\nreturn posix.posix_spawn('/bin/true', ['true'], {}) > 0"
    ),
    "modules that stayed": (
        _MODULES + "return modules['os'].system('echo x > ' + lure['folder'] + '/left') == 0"
    ),
    "frames": (
        "import sys\nframe = sys._getframe()\nwhile frame.f_back:\n    frame = frame.f_back\n"
        "return bool(frame.f_globals['os'].listdir(lure['folder']))"
    ),
    "audit hooks": "import sys\nsys.addaudithook(print)\nreturn bool(open(lure['secret']).read())",
    "a subprocess": "import subprocess\nreturn subprocess.run(['true']).returncode == 0",
    "forks": "import os\nreturn any(os.fork() for _ in range(20))",
    "a thread": (
        "import threading\nthread = threading.Thread(target=print)\nthread.start()\nreturn True"
    ),
    "multiprocessing": (
        "import multiprocessing\nmultiprocessing.Process(target=print).start()\nreturn True"
    ),
    "exec": "import os\nos.execv('/bin/sh', ['sh', '-c', 'echo x > ' + lure['folder'] + '/left'])",
    "the parent's memory": "return bool(open(f\"/proc/{lure['process']}/maps\").read())",
    "the parent's environment": "return bool(open(f\"/proc/{lure['process']}/environ\").read())",
    "root of process one": "import os\nreturn bool(os.listdir('/proc/1/root'))",
    "passwords": "return bool(open('/etc/passwd').read())",
    "devices": "return bool(open('/dev/mem', 'rb')) or bool(open('/dev/vda', 'rb'))",
    "a device of its own": "import os\nos.mknod('disk', 0o60600, 0xfe00)\nreturn True",
    "a hard link": "import os\nos.link(lure['secret'], lure['folder'] + '/left')\nreturn True",
    "a link in the folder": "import os\nos.symlink('/', lure['folder'] + '/left')\nreturn True",
    "climbs": "import os\nos.chdir('../' * 40)\nreturn bool(os.listdir('.'))",
    "chroot": "import os\nos.chroot('.')\nreturn True",
    "kills its parent": "import os\nos.kill(os.getppid(), 0)\nreturn os.getppid() > 1",
    "kills everybody": "import os\nos.kill(-1, 0)\nreturn True",
    "kills us": "import os\nos.kill(lure['process'], 0)\nreturn True",
    "another priority": "import os\nos.setpriority(os.PRIO_PROCESS, 0, -20)\nreturn True",
    "another user": "import os\nos.setuid(0)\nreturn True",
    "asks a name server": "import socket\nreturn bool(socket.gethostbyname('localhost'))",
    "connects by number": (
        "import socket\nmade = socket.socket()\nmade.connect(('127.0.0.1', lure['port']))\n"
        "return True"
    ),
    "listens": "import socket\nsocket.create_server(('', 0))\nreturn True",
    "the lock of the kernel's log": "import os\nreturn os.open('/dev/kmsg', os.O_WRONLY) > 2",
    "shared memory": (
        "from multiprocessing import shared_memory\n"
        "return bool(shared_memory.SharedMemory(create=True, size=64))"
    ),
    "a signal's handler": "import signal\nsignal.alarm(1)\nreturn True",
    "a database": "import sqlite3\nsqlite3.connect(lure['folder'] + '/left').execute('vacuum')",
    "a pickle": (
        "import pickle\nreturn pickle.loads(b\"cposix\\nsystem\\n(S'true'\\ntR.\") == 0"
    ),
    "code objects": (
        "import types\ndef crash(): pass\n"
        "code = crash.__code__.replace(co_code=b'\\x64\\xff' * 40, co_consts=())\n"
        "return types.FunctionType(code, {})() == lure"
    ),
    "recursion": (
        "import sys\nsys.setrecursionlimit(1 << 30)\ndef down(n): return down(n + 1)\ndown(0)\n"
        "return False"
    ),
    "a string without end": "text = 'x'\nwhile True:\n    text += text",
    "a list without end": "rows = []\nwhile True:\n    rows.append(bytearray(1 << 20))",
    "a number without end": "return len(str(9 ** 9 ** 9)) > 0",
    "a pattern without end": "import re\nreturn bool(re.match('(a|aa)+$', 'a' * 80 + 'b'))",
    "brackets without end": "import os\nos.write(1, b'[' * 1000000)\nos._exit(0)",
    "no number": "import os\nos.write(1, b'[NaN, 1e999, -0]')\nos._exit(0)",
    "half a character": "import os\nos.write(1, b'[\"\\\\ud800\\xff')\nos._exit(0)",
}  # fmt: skip

# Numbers of x86-64; on another machine they are other calls, which must not be had either.
_RAW = {
    "fork": "57, 0, 0, 0", "clone into namespaces": "56, 0x7e020000, 0, 0",
    "ptrace": "101, 16, lure['process'], 0", "reading our memory": "310, lure['process'], 0, 0",
    "unshare": "272, 0x10000000, 0, 0", "setns": "308, 0, 0, 0", "mount": "165, b'/', b'/', 0",
    "open": "2, lure['secret'].encode(), 0, 0", "openat": "257, -100, lure['secret'].encode(), 0",
    "openat2": "437, -100, lure['secret'].encode(), 0", "execve": "59, b'/bin/sh', 0, 0",
    "socket of Unix": "41, 1, 1, 0", "socket of the net": "41, 2, 1, 0",
    "socket of netlink": "41, 16, 3, 0", "pair of sockets": "53, 1, 1, 0",
    "file in memory": "319, b'x', 0, 0", "ring": "425, 8, b'\\0' * 128, 0",
    "counters": "298, b'\\0' * 128, 0, -1", "programs for the kernel": "321, 0, b'\\0' * 128, 128",
    "keys": "250, 0, -3, 1", "page faults": "323, 1, 0, 0", "handle of a process": "434, 1, 0, 0",
    "our descriptor": "438, 3, 0, 0", "kill": "62, lure['process'], 0, 0",
    "signal to a thread": "234, 1, 1, 0", "limits": "302, 0, 0, b'\\xff' * 16",
    "another filter": "157, 22, 1, 0", "death signal": "157, 1, 9, 0", "duplicates": "32, 1, 0, 0",
    "mkdir": "83, lure['folder'].encode() + b'/left', 448, 0", "chroot": "161, b'/', 0, 0",
    "code in memory": "9, 0, 4096, 7", "x32": "0x40000029, 1, 1, 0",
}  # fmt: skip

_FIND = """\
import gc
libraries = [one for one in gc.get_objects() if type(one).__name__ == 'CDLL']
syscall = libraries[0].syscall
"""


def hostile() -> dict[str, str]:
    """Every program by its name, as the source of `attempt`."""
    raw = {
        f"raw: {name}": f"{_FIND}return syscall({numbers}, 0, 0) != -1"
        for name, numbers in _RAW.items()
    }
    return {
        name: f"def attempt(lure):\n    try:\n{textwrap.indent(body, ' ' * 8)}\n"
        "    except Exception:\n        return False\n"
        for name, body in (PLAIN | raw).items()
    }
