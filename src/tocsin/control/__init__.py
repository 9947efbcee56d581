"""The private local socket by which the command line reaches a running program.

The program holds a `ControlServer`; `tocsin status` and its like use `select` and `call`. One JSON object goes each
way, each on one line. The socket lies in a folder that belongs to the user alone, and the peer's user is asked as well.
Where there are no Unix sockets the file holds a loopback port and a token instead.

The server knows nothing of the system behind it: whoever starts it hands in a function from request to reply.
"""

from __future__ import annotations

from tocsin.control.client import Program, call, list_programs, select
from tocsin.control.folder import control_folder, file_safe
from tocsin.control.server import ControlServer

__all__ = ["ControlServer", "Program", "call", "control_folder", "file_safe", "list_programs", "select"]
