"""Long calls: progress, exceptions in callbacks, cancellation, Ctrl-C."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
import unittest

import support

import groma

#: Takes seconds, if nothing stops it.
SCHEMA = "planarity@k300, count@r3"


class Jobs(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.xyz = support.survey(400_000)

    def test_progress_comes_on_the_calling_thread(self) -> None:
        seen = []

        def progress(stage: int, done: int, total: int) -> None:
            seen.append((threading.get_ident(), stage, done, total))

        groma.features(self.xyz[:50_000], "planarity@k12", progress=progress)
        self.assertEqual({thread for thread, *_ in seen}, {threading.get_ident()})
        self.assertIsInstance(seen[-1][1], groma.Stage)
        self.assertEqual(seen[-1][2], seen[-1][3])

    def test_a_true_result_cancels(self) -> None:
        with self.assertRaises(groma.Cancelled) as caught:
            groma.features(self.xyz, SCHEMA, progress=lambda *_: True)
        self.assertEqual(caught.exception.status, groma.Status.CANCELLED)

    def test_exceptions_of_callbacks_are_raised_by_the_call(self) -> None:
        calls = []

        def progress(*_: int) -> None:
            calls.append(1)
            raise KeyError("mine")

        begun = time.monotonic()
        with self.assertRaisesRegex(KeyError, "mine"):
            groma.features(self.xyz, SCHEMA, progress=progress)
        self.assertLess(time.monotonic() - begun, 2)
        self.assertEqual(len(calls), 1)

    def test_a_flag_cancels_from_another_thread(self) -> None:
        with groma.Cancel() as flag:
            self.assertFalse(flag.triggered)
            timer = threading.Timer(0.1, flag.trigger)
            timer.start()
            begun = time.monotonic()
            with self.assertRaises(groma.Cancelled):
                groma.features(self.xyz, SCHEMA, cancel=flag)
            self.assertLess(time.monotonic() - begun, 2)
            timer.join()
            self.assertTrue(flag.triggered)
            with self.assertRaises(groma.Cancelled):
                groma.ground_points(self.xyz[:10], cancel=flag)

    def test_other_threads_run_meanwhile(self) -> None:
        ticks = []
        stop = threading.Event()

        def tick() -> None:
            while not stop.wait(0.005):
                ticks.append(1)

        thread = threading.Thread(target=tick)
        thread.start()
        begun = time.monotonic()
        groma.features(self.xyz, "planarity@k20", threads=1)
        taken = time.monotonic() - begun
        stop.set()
        thread.join()
        self.assertGreater(len(ticks), 3, f"in {taken} s")

    def test_any_signal_whose_handler_raises_stops_the_call(self) -> None:
        if not hasattr(signal, "setitimer"):
            support.skip("signals in calls", "no timers by signals here", "run it on a POSIX system")

        def raises(*_: object) -> None:
            raise TimeoutError("alarm")

        before = signal.signal(signal.SIGALRM, raises)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        begun = time.monotonic()
        with support.nothing_unraisable(self), self.assertRaisesRegex(TimeoutError, "alarm"):
            groma.features(self.xyz, SCHEMA)
        self.assertLess(time.monotonic() - begun, 2)
        self.assertIs(signal.getsignal(signal.SIGALRM), raises)

    def test_signals_in_log_callbacks_are_raised_by_the_call(self) -> None:
        if not hasattr(signal, "raise_signal") or os.name != "posix":
            support.skip("signals in log callbacks", "no such signals here", "run it on a POSIX system")
        support.runtime()

        def raises(*_: object) -> None:
            raise TimeoutError("alarm")

        class Alarm(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                signal.raise_signal(signal.SIGALRM)

        before = signal.signal(signal.SIGALRM, raises)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        logger = logging.getLogger("groma-alarm")
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
        logger.addHandler(Alarm())
        groma.log.enable(logging.DEBUG, logger)
        self.addCleanup(groma.log.disable)
        with support.nothing_unraisable(self), self.assertRaisesRegex(TimeoutError, "alarm"):
            groma.Network.open(support.MODELS / "values" / "same_f32.onnx")
        self.assertIs(signal.getsignal(signal.SIGALRM), raises)

    def test_the_interpreter_ends_while_calls_run(self) -> None:
        script = (
            "import logging, sys, threading, time, groma, support\n"
            "begun = threading.Event()\n"
            "logging.getLogger('groma').addHandler(logging.NullHandler())\n"
            "groma.log.enable(logging.DEBUG)\n"
            "xyz = support.survey(200_000)\n"
            "def work():\n"
            "    while True:\n"
            "        try:\n"
            f"            groma.features(xyz, {SCHEMA!r}, progress=lambda *_: begun.set())\n"
            "        except groma.Cancelled:\n"
            "            pass\n"
            "def log():\n"
            "    while True: groma.Network.open(support.MODELS / 'values' / 'same_f32.onnx')\n"
            "if support.os.environ.get('GROMA_ONNXRUNTIME'):\n"
            "    threading.Thread(target=log, daemon=True).start()\n"
            "for _ in range(2): threading.Thread(target=work, daemon=True).start()\n"
            "begun.wait()\n"
            "time.sleep(0.2)\n"
        )
        folder = os.path.dirname(os.path.abspath(__file__))
        for _ in range(2):
            begun = time.monotonic()
            command = [sys.executable, "-c", script]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertLess(time.monotonic() - begun, 15)

    def test_ctrl_c(self) -> None:
        if os.name != "posix":
            support.skip("Ctrl-C", "no signals to processes here", "run it on a POSIX system")
        script = (
            "import signal, sys, groma, support\n"
            "xyz = support.survey(400_000)\n"
            "print('ready', flush=True)\n"
            "try:\n"
            f"    groma.features(xyz, {SCHEMA!r})\n"
            "except KeyboardInterrupt:\n"
            "    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler\n"
            "    print('interrupted', flush=True)\n"
        )
        folder = os.path.dirname(os.path.abspath(__file__))
        child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=folder, text=True)
        with child:
            self.assertEqual(child.stdout.readline(), "ready\n")
            time.sleep(0.3)
            begun = time.monotonic()
            child.send_signal(signal.SIGINT)
            said, _ = child.communicate(timeout=20)
        self.assertEqual(said, "interrupted\n")
        self.assertLess(time.monotonic() - begun, 2)
        self.assertEqual(child.returncode, 0)


if __name__ == "__main__":
    unittest.main()
