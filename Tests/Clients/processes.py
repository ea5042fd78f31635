"""Processes that this script starts, and ends."""

import os
import signal
import subprocess


def run(command, seconds, directory=None, output=None, data=None, environment=None):
    """Runs a command in a group of its own; its status, or None where it took longer and was ended."""
    process = subprocess.Popen(
        command,
        cwd=directory,
        stdin=subprocess.DEVNULL if data is None else subprocess.PIPE,
        stdout=output,
        stderr=output,
        env=environment,
        start_new_session=True,
    )
    try:
        process.communicate(data, timeout=seconds)
        return process.returncode
    except subprocess.TimeoutExpired:
        return None
    finally:
        end(process)


def end(process):
    """Ends a process that was started with a session of its own, and what it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            continue
    process.wait()
