"""Runs test modules of CPython in this process, and writes a line for every test.

Started as `python3.11 outcomes.py RESULTS SETTINGS`, where SETTINGS is a JSON file: `modules`, `exclude` (patterns of
test names), `resources` (of test.support), `only` (names, or null) and `limit` (seconds a test may take). RESULTS gets `start NAME` before a test and
`OUTCOME NAME` after it. A test that takes longer ends the process.
"""

import faulthandler
import fnmatch
import json
import os
import sys
import unittest


class Recorder(unittest.TestResult):
    """Writes what becomes of each test."""

    def __init__(self, results, limit):
        super().__init__()
        self.results = results
        self.limit = limit
        self.outcome = None

    def write(self, word, test, remark=""):
        remark = " ".join(str(remark).split())[:200]
        self.results.write(f"{word} {test.id()} {remark}".rstrip() + "\n")
        self.results.flush()

    def startTest(self, test):
        super().startTest(test)
        self.outcome = ("ok", "")
        self.write("start", test)
        faulthandler.dump_traceback_later(self.limit, exit=True)

    def stopTest(self, test):
        super().stopTest(test)
        faulthandler.cancel_dump_traceback_later()
        self.write(self.outcome[0], test, self.outcome[1])

    def note(self, word, test, remark):
        if hasattr(test, "_testMethodName"):
            self.outcome = (word, remark)
        else:
            # A class or a module whose preparation failed.
            self.write(word, test, remark)

    def addError(self, test, err):
        self.note("error", test, repr(err[1]))
        print(self._exc_info_to_string(err, test), file=sys.stderr)

    def addFailure(self, test, err):
        self.note("failed", test, repr(err[1]))
        print(self._exc_info_to_string(err, test), file=sys.stderr)

    def addSkip(self, test, reason):
        self.note("skipped", test, reason)

    def addExpectedFailure(self, test, err):
        self.note("ok", test, "expected failure")

    def addUnexpectedSuccess(self, test):
        self.note("failed", test, "unexpected success")

    def addSubTest(self, test, subtest, err):
        if err is None:
            return
        word = "failed" if issubclass(err[0], test.failureException) else "error"
        self.note(word, test, repr(err[1]))
        print(self._exc_info_to_string(err, test), file=sys.stderr)


def chosen(suite, settings):
    """The tests of a suite that are to run, in their order."""
    result = unittest.TestSuite()
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            result.addTest(chosen(test, settings))
            continue
        name = test.id()
        if any(fnmatch.fnmatch(name, pattern) for pattern in settings["exclude"]):
            continue
        if settings["only"] is None or name in settings["only"]:
            result.addTest(test)
    return result


def main():
    results, settings = sys.argv[1:]
    with open(settings, encoding="utf-8") as file:
        settings = json.load(file)
    from test import support

    support.verbose = False
    # Nothing outside of this machine, and nothing that takes very long.
    support.use_resources = settings["resources"]
    with open(results, "a", encoding="utf-8") as file:
        recorder = Recorder(file, settings["limit"])
        for name in settings["modules"]:
            suite = unittest.defaultTestLoader.loadTestsFromName(name)
            chosen(suite, settings).run(recorder)
    # Threads that a test left behind hold up nothing.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
