"""CPython's own tests, natively and in a run, compared test by test."""

import json
import os
import subprocess
import sys
import tempfile

import processes

MODULES = [
    "test_socket",
    "test_selectors",
    "test_asyncio",
    "test_ssl",
    "test_httplib",
    "test_socketserver",
    "test_epoll",
    "test_poll",
]
QUICK = ["test_httplib", "test_socketserver", "test_epoll", "test_poll"]
# Its servers are on loopback alone, but it asks for leave.
NETWORKED = ["test_socketserver"]
# A machine without such a peer hangs in these.
EXCLUDED = ["*VSOCK*"]
# How often a test that differs is tried again, natively and in the run: once equal is equal, as tests of time go.
AGAIN = 3
# Seconds a test may take, and how often a module is begun again after one that took longer.
LIMIT = 60
RESTARTS = 12

OUTCOMES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "outcomes.py")


def interpreter():
    """A Python that brings its tests, or None."""
    for candidate in ["/usr/bin/python3.11", "/usr/bin/python3", sys.executable]:
        if not os.access(candidate, os.X_OK):
            continue
        found = subprocess.run(
            [candidate, "-c", "import test.test_socket"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        if found.returncode == 0:
            return candidate
    return None


def read(path):
    """The outcomes by name, and the test that was under way at the end."""
    outcomes, running = {}, None
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            word, name, *remark = line.rstrip("\n").split(" ", 2)
            # `setUpClass (test.test_x.Class)`: the name goes on after the blank.
            if remark and remark[0].startswith("(") and word != "start":
                place, _, rest = remark[0].partition(")")
                name, remark = f"{name} {place})", [rest.strip()]
            if word == "start":
                running = name
            else:
                outcomes[name] = (word, remark[0] if remark else "")
                running = None
    return outcomes, running


def outcomes(python, prefix, module, only, log):
    """Runs a module's tests, in a run if `prefix` says so: the outcomes by name."""
    with tempfile.TemporaryDirectory(prefix="lamina-clients-") as directory:
        settings, results = os.path.join(directory, "settings"), os.path.join(directory, "results")
        open(results, "w", encoding="utf-8").close()
        found, excluded = {}, list(EXCLUDED)
        for _ in range(RESTARTS):
            with open(settings, "w", encoding="utf-8") as file:
                resources = ["network"] if module in NETWORKED else []
                wanted = {"modules": ["test." + module], "exclude": excluded, "resources": resources}
                wanted |= {"only": only, "limit": LIMIT}
                json.dump(wanted, file)
            status = processes.run(
                prefix + [python, OUTCOMES, results, settings],
                seconds=900,
                directory=directory,
                output=log,
            )
            found, running = read(results)
            if running is not None:
                found[running] = ("hung", f"status {status}")
                excluded = EXCLUDED + list(found)
                with open(results, "w", encoding="utf-8") as file:
                    for name, (word, remark) in found.items():
                        file.write(f"{word} {name} {remark}".rstrip() + "\n")
            elif status == 0 or status is None:
                break
            else:
                found[f"{module} (the whole)"] = ("error", f"status {status}")
                break
        return found


def compare(python, prefix, module, log):
    """The native outcomes, those of the run, and where they differ each time."""
    native = native_outcomes(python, module, log)
    found = outcomes(python, prefix, module, None, log)
    differing = differences(native, found)
    for _ in range(AGAIN):
        names = [name for name in differing if " " not in name]
        if not names:
            break
        again = outcomes(python, prefix, module, names, log)
        natively = outcomes(python, [], module, names, log)
        for name in names:
            if again.get(name, ("missing",))[0] == natively.get(name, ("missing",))[0]:
                del differing[name]
    return native, found, differing


_native = {}


def native_outcomes(python, module, log):
    """The native outcomes, found once."""
    if module not in _native:
        _native[module] = outcomes(python, [], module, None, log)
    return _native[module]


def differences(native, found):
    """By name: the native outcome, that of the run, and what the run said."""
    result = {}
    for name in sorted(set(native) | set(found)):
        one, other = native.get(name, ("missing", "")), found.get(name, ("missing", ""))
        if one[0] != other[0]:
            result[name] = (one[0], other[0], other[1] or one[1])
    return result
