"""`python -m cli`: what the owner does by hand. The command line itself is cli/command_line.py.

Its imports take about a second. Ctrl-C stops at once until they are done: nothing has begun, and a KeyboardInterrupt
inside an import can be swallowed there or end in a traceback.
"""

import os
import signal
import sys
from typing import Any


def _stop(*_: Any) -> None:
    os.write(2, b"\nStopped.\n")
    os._exit(130)


if __name__ == "__main__":
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed, as by 2>&-: what is opened first gets its number
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 -- nothing imported yet
    stops_at_ctrl_c = signal.getsignal(signal.SIGINT) == signal.default_int_handler  # not in a shell's background
    if stops_at_ctrl_c:
        signal.signal(signal.SIGINT, _stop)
    from cli.command_line import main, show_traceback
    from localcloud.processes import call_directly
    from localcloud.terminal import spell_out_on_stdout

    spell_out_on_stdout()
    call_directly()
    sys.excepthook = show_traceback
    if stops_at_ctrl_c:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
