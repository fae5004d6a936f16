"""A process that may not open any socket, name look-ups included: the kernel ends it with SIGSYS where it tries.

The kernel sees what libraries do beside Python, too, and what ffmpeg does: the ban is handed down to children.
`python watched.py SECONDS WORDS` does what `bunraku WORDS` does, and ends SECONDS after it began at the earliest.
"""

import ctypes
import platform
import runpy
import struct
import sys
import time

SOCKET = {"x86_64": 41, "aarch64": 198}
"""Number of the system call."""
_NO_NEW_PRIVS, _SET_SECCOMP, _FILTER = 38, 22, 2
_LOAD, _IS, _RETURN = 0x20, 0x15, 0x06
_KILL, _ALLOW = 0x80000000, 0x7FFF0000


def forbid_sockets() -> bool:
    """From now on; False where the kernel cannot."""
    if sys.platform != "linux" or platform.machine() not in SOCKET:
        return False
    libc = ctypes.CDLL(None)
    steps = [(_LOAD, 0, 0, 0), (_IS, 0, 1, SOCKET[platform.machine()]), (_RETURN, 0, 0, _KILL), (_RETURN, 0, 0, _ALLOW)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))
    return libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 and libc.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program)) == 0


if __name__ == "__main__":
    end = time.monotonic() + float(sys.argv[1])
    print("watched" if forbid_sockets() else "not watched", flush=True)
    sys.argv = ["bunraku", *sys.argv[2:]]
    try:
        runpy.run_module("runtime", run_name="__main__", alter_sys=True)
    finally:
        time.sleep(max(0.0, end - time.monotonic()))
