"""What starts a function under the real runtime client; runs by `python -I -S`, outside the tests.

argv: the handler, the audit file ("" for none), the folders of sys.path in their order. The audit
file gets the path of every file that is opened for writing or made, a line each. A module without
bytecode that fits shows there too, by the .pyc that Python tries to write.
"""

import os
import sys

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
# Which argument of an event names the path that is new.
CHANGES = {"os.mkdir": 0, "os.rename": 1, "os.symlink": 1}


def start_audit(audit_file: str) -> None:
    report = os.open(audit_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & WRITES and not isinstance(path, int):
                os.write(report, f"{os.fsdecode(path)}\n".encode())  # type: ignore[arg-type]
        elif event in CHANGES:
            os.write(report, f"{os.fsdecode(arguments[CHANGES[event]])}\n".encode())  # type: ignore[arg-type]

    sys.addaudithook(note)


handler, audit, *folders = sys.argv[1:]
sys.argv = ["awslambdaric", handler]
sys.path[:0] = folders
if audit:
    start_audit(audit)

from awslambdaric.__main__ import main  # noqa: E402  # only now it is on the path

main(sys.argv)
