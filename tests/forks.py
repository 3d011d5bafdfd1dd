"""A process that has `turnout` loaded, and forks one that runs it for each that is asked for.

`python -m forks DESCRIPTOR`: turnoutkit.py starts it and asks it over this socket. Each command is
a process of its own, with the arguments, environment, folder and output that were named, and ends
as any Python program does; only the second that loading takes is spent once. Between this process
and each command stands one that waits for it, and tells its id and how it ended.
"""

import gc
import json
import os
import runpy
import signal
import socket
import sys
from importlib import import_module

from router.cli.main import COMMANDS

# What commands import only when they need it.
_LATER = ("router.cli.common.usage_tables", "router.world.documents")
_FIVE = 5  # standard input, output and error; where its id goes; where its end is told


def _load() -> None:
    """Import what the commands import, but what only `demo` needs."""
    commands = (row.target.partition(":")[0] for row in COMMANDS.values())
    for module in (*commands, *_LATER):
        if module != "router.cli.demo":
            import_module(module)
    gc.collect()
    gc.freeze()


def _become(asked: dict, descriptors: list[int]) -> None:
    """Be the process that was asked for: its surroundings, then its program."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, descriptor in enumerate(descriptors[:3]):
        os.dup2(descriptor, number)
    for descriptor in descriptors:
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    if path := os.environ.get("PYTHONPATH"):  # a start afresh would read it
        sys.path[1:1] = path.split(os.pathsep)
    sys.argv = ["turnout", *asked["arguments"]]
    sys.path[0] = asked["folder"]
    runpy.run_module("router.cli", run_name="__main__", alter_sys=True)


def _watch(asked: dict, descriptors: list[int]) -> None:
    """Fork the command; tell its id, then how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *standard, told, ended = descriptors
    pid = os.fork()
    if pid == 0:
        _become(asked, descriptors)
        return
    for descriptor in standard:
        os.close(descriptor)
    os.write(told, f"{pid}\n".encode())
    os.close(told)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the command's to heed
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.write(ended, f"{status}\n".encode())
    os._exit(0)


def main() -> None:
    """Fork until the tests are over."""
    _load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how those between ended
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        while True:
            message, descriptors, _, _ = socket.recv_fds(channel, 1 << 20, _FIVE)
            if not message:
                return
            if os.fork() == 0:
                break
            for descriptor in descriptors:
                os.close(descriptor)
    _watch(json.loads(message), descriptors)


if __name__ == "__main__":
    main()
