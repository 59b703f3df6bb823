#!/usr/bin/env python3
"""Measures Groma beside its peers and writes RESULTS.md. Needs Python 3.10 or newer and nothing else installed.

    cargo build --release
    python3 benches/peers/run.py                  # everything; an hour on two cores
    python3 benches/peers/run.py --rows knn,sor   # only these; the others keep the figures they have
    python3 benches/peers/run.py --quick          # small clouds, one round, nothing written: does it run?

The peers go into a virtual environment under target/peers, the clouds beside it; the machine stays as it is. A peer that
cannot be had is named in the table of its row.

In each round every program of a row runs once, in a process of its own, one after the other (A B A B …), so that another load on the
machine hits all alike. Programs time their own work: reading the input, imports and the start of the process do not count.
The ratio is that of the median CPU seconds. Only ratios mean anything on another machine.
"""

import argparse
import datetime
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from report import render
from rows import ROWS

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
WORK = TARGET / "peers"
PATCH = 65_536
TIMEOUT_S = 900


def say(text):
    print(text, file=sys.stderr, flush=True)


def last_line(text):
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1].strip()[:160] if lines else "it said nothing"


class Unavailable(Exception):
    """Why a program cannot be run."""


class Environment:
    """Where the peers live, made when first needed."""

    def __init__(self):
        self.python = WORK / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.variables = dict(os.environ)
        self.missing = {}

    def prepare(self):
        """Makes the environment and installs line after line of the requirements."""
        requirements = (HERE / "requirements.txt").read_text()
        stamp = WORK / "venv" / "installed.json"
        wanted = hashlib.sha256((requirements + sys.version).encode()).hexdigest()
        done = json.loads(stamp.read_text()) if stamp.exists() else {}
        if done.get("wanted") != wanted:
            say(f"installing the peers into {WORK / 'venv'}")
            subprocess.run([sys.executable, "-m", "venv", "--clear", WORK / "venv"], check=True)
            done = {"wanted": wanted, "missing": {}}
            for line in requirements.splitlines():
                if not line or line.startswith("#"):
                    continue
                pip = [self.python, "-m", "pip", "--disable-pip-version-check", "install", "-q", line]
                result = subprocess.run(pip, capture_output=True, text=True)
                if result.returncode:
                    name = line.split("==")[0].split("[")[0]
                    done["missing"][name] = last_line(result.stderr)
                    say(f"  {name} cannot be installed: {done['missing'][name]}")
            stamp.write_text(json.dumps(done, indent=1))
        self.missing = done["missing"]
        for needed in ("numpy", "laspy", "lazrs"):
            if needed in self.missing:
                sys.exit(f"{needed} makes the clouds and cannot be installed: {self.missing[needed]}")
        # Open3D's wheel wants a library that bare machines lack.
        if not self.imports("open3d") and (folder := debian("libusb-1.0-0")):
            libraries = [str(p.parent) for p in folder.rglob("libusb-1.0.so*")][:1]
            self.variables["LD_LIBRARY_PATH"] = ":".join(libraries + [os.environ.get("LD_LIBRARY_PATH", "")]).rstrip(":")
            if not self.imports("open3d"):
                self.variables["LD_LIBRARY_PATH"] = os.environ.get("LD_LIBRARY_PATH", "")

    def imports(self, module):
        command = [self.python, "-c", f"import {module}"]
        return subprocess.run(command, capture_output=True, env=self.variables).returncode == 0

    def versions(self):
        names = "numpy laspy lazrs scipy pgeof small_gicp jakteristics pykdtree fpsample open3d".split()
        code = (
            "import importlib.metadata as m, json\n"
            f"def v(n):\n try: return m.version(n)\n except m.PackageNotFoundError: return None\n"
            f"print(json.dumps({{n: v(n) for n in {names!r}}}))"
        )
        out = subprocess.run([self.python, "-c", code], capture_output=True, text=True, check=True).stdout
        return {name: version for name, version in json.loads(out).items() if version}


def debian(package):
    """The files of a Debian package, unpacked under target/ without installing it; None where that is not possible."""
    folder = WORK / "debian" / package
    if folder.exists():
        return folder
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return None
    downloads = WORK / "debian" / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    if subprocess.run(["apt-get", "download", package], cwd=downloads, capture_output=True).returncode:
        return None
    for archive in downloads.glob(f"{package}_*.deb"):
        if subprocess.run(["dpkg-deb", "-x", archive, folder], capture_output=True).returncode == 0:
            return folder
    return None


def nanoflann():
    """The program that runs nanoflann, compiled when first needed."""
    program = WORK / "nanoflann_knn"
    source = HERE / "nanoflann_knn.cpp"
    if program.exists() and program.stat().st_mtime > source.stat().st_mtime:
        return program
    includes = [Path("/usr/include"), Path("/usr/local/include"), Path("/opt/homebrew/include")]
    if not any((folder / "nanoflann.hpp").exists() for folder in includes):
        folder = debian("libnanoflann-dev")
        if not folder:
            raise Unavailable("nanoflann.hpp is not here (Debian: libnanoflann-dev)")
        includes.append(folder / "usr" / "include")
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++")
    if not compiler:
        raise Unavailable("no C++ compiler")
    options = ["-O3", "-march=native", "-fopenmp", "-std=c++17"]
    command = [compiler, *options, *(f"-I{folder}" for folder in includes[3:]), source, "-o", program]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise Unavailable(f"it does not compile: {last_line(result.stderr)}")
    return program


def laz_rs():
    """The program that runs the laz crate alone, compiled when first needed."""
    if not shutil.which("cargo"):
        raise Unavailable("no cargo on the path")
    folder = WORK / "laz_rs"
    command = ["cargo", "build", "--release", "--quiet", "--manifest-path", HERE / "laz_rs" / "Cargo.toml"]
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "CARGO_TARGET_DIR": str(folder)})
    if result.returncode:
        raise Unavailable(f"it does not compile: {last_line(result.stderr)}")
    return folder / "release" / ("laz_rs.exe" if os.name == "nt" else "laz_rs")


class Clouds:
    """The clouds, made when first needed; another generator is another folder."""

    def __init__(self, environment, size):
        self.environment = environment
        stamp = hashlib.sha256((HERE / "clouds.py").read_bytes()).hexdigest()[:8]
        self.folder = WORK / f"clouds-{stamp}"
        self.size = size

    def path(self, kind):
        """A cloud's path without extension."""
        sizes = {"air": 1, "air5": 5, "air10": 10, "uneven": 1}
        if kind == "real":
            files = self.real_files()
            name, argument = "real", "real:" + ",".join(map(str, files))
        elif kind == "patch":
            name = argument = f"patch_{PATCH}"
        else:
            name = argument = f"{kind.rstrip('0123456789')}_{sizes[kind] * self.size}"
        base = self.folder / name
        if not base.with_suffix(".laz").exists() or not base.with_suffix(".npy").exists():
            say(f"making {base}.laz")
            command = [self.environment.python, HERE / "clouds.py", self.folder, argument]
            result = subprocess.run(command, capture_output=True, text=True)
            if result.returncode:
                raise Unavailable(f"the cloud cannot be made: {last_line(result.stderr)}")
        return base

    def real_files(self):
        data = Path(os.environ.get("GROMA_TEST_DATA") or ROOT / "../shared/data") / "lidar" / "ign"
        files = sorted(data.glob("*.laz"))
        if not files:
            raise Unavailable(f"no tiles in {data}; set GROMA_TEST_DATA")
        return files


class Runner:
    def __init__(self, groma, environment, clouds):
        self.groma, self.environment, self.clouds = groma, environment, clouds
        self.stages = {}

    def command(self, program, cloud):
        base = self.clouds.path(cloud)
        if program.kind == "groma":
            stage, *options = program.arguments
            self.expect_stage(stage)
            options = [self.model() if option == "MODEL" else option for option in options]
            # Searches read faster from LAS; what is about LAZ reads LAZ.
            compressed = stage in ("tile", "extract", "copy", "las-read", "las-xyz", "las-write")
            return [self.groma, "bench", stage, base.with_suffix(".laz" if compressed else ".las"), *options]
        if program.kind == "python":
            return [self.environment.python, HERE / "programs.py", program.arguments[0], base, *program.arguments[1:]]
        if program.kind == "nanoflann":
            return [nanoflann(), base.with_suffix(".npy"), *program.arguments]
        return [laz_rs(), base.with_suffix(".laz")]

    def model(self):
        """The model of `tile-22`, made when first needed."""
        source = HERE / "model.py"
        path = WORK / f"model-{hashlib.sha256(source.read_bytes()).hexdigest()[:8]}.onnx"
        if not path.exists():
            result = subprocess.run([self.environment.python, source, path], capture_output=True, text=True)
            if result.returncode:
                raise Unavailable(f"the model cannot be made: {last_line(result.stderr)}")
        return path

    def expect_stage(self, stage):
        if stage not in self.stages:
            asked = subprocess.run([self.groma, "bench", stage, "--help"], capture_output=True)
            self.stages[stage] = asked.returncode == 0
        if not self.stages[stage]:
            raise Unavailable(f"this groma has no `bench {stage}`")

    def once(self, program, command):
        """Sums of the stages that count."""
        try:
            result = subprocess.run(
                command, capture_output=True, text=True, timeout=TIMEOUT_S, env=self.environment.variables
            )
        except subprocess.TimeoutExpired:
            raise Unavailable(f"it took more than {TIMEOUT_S} s") from None
        lines = [json.loads(line[7:]) for line in result.stdout.splitlines() if line.startswith("RESULT ")]
        lines = [line for line in lines if not program.stages or line["stage"] in program.stages]
        if result.returncode or not lines:
            raise Unavailable(last_line(result.stderr))
        return {
            "wall": sum(line["wall"] for line in lines),
            "cpu": sum(line["cpu"] for line in lines),
            "n": lines[0]["n"],
            "rss": max(line["rss"] for line in lines),
            "check": next((line["check"] for line in reversed(lines) if line["check"]), ""),
        }

    def row(self, row, rounds):
        programs = [row.groma, *row.peers]
        measured, failed, commands = {p.name: [] for p in programs}, {}, {}
        for p in programs:
            try:
                commands[p.name] = self.command(p, row.cloud)
            except Unavailable as reason:
                failed[p.name] = str(reason)
        if row.groma.name in failed:
            # Peers alone tell nothing.
            return {"measured": {}, "failed": failed}
        for turn in range(rounds):
            for p in programs:
                if p.name in failed:
                    continue
                try:
                    measured[p.name].append(self.once(p, commands[p.name]))
                except Unavailable as reason:
                    failed[p.name] = str(reason)
                    continue
                say(f"  {row.id} {turn + 1}/{rounds} {p.name}: {measured[p.name][-1]['cpu']:.3f} CPU-s")
        return {"measured": {name: runs for name, runs in measured.items() if runs and name not in failed}, "failed": failed}


def machine():
    model, flags = platform.processor() or platform.machine(), ""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
            elif line.startswith("flags"):
                flags = line
    simd = os.environ.get("GROMA_SIMD") or next((s for s, f in (("avx512", "avx512bw"), ("avx2", "avx2")) if f in flags), "portable")
    return {"cpu": model, "cores": os.cpu_count(), "simd": simd, "system": f"{platform.system()} {platform.machine()}"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", help="rows to measure, separated by commas (default: all); see --list")
    parser.add_argument("--rounds", type=int, help="how often each program runs (default: 5)")
    parser.add_argument("--size", type=int, help="points of the airborne and the uneven cloud (default: 1000000)")
    parser.add_argument("--groma", type=Path, help="the binary to measure (default: the release build)")
    parser.add_argument("--quick", action="store_true", help="100,000 points, one round, tables to standard output")
    parser.add_argument("--list", action="store_true", help="name the rows and stop")
    return parser.parse_args()


def main():
    options = arguments()
    chosen = options.rows.split(",") if options.rows else [row.id for row in ROWS]
    unknown = set(chosen) - {row.id for row in ROWS}
    if unknown:
        sys.exit(f"there is no row {', '.join(sorted(unknown))}; see --list")
    if options.list:
        for row in ROWS:
            print(f"{row.id:16} {row.work}")
        return
    groma = options.groma or TARGET / "release" / ("groma.exe" if os.name == "nt" else "groma")
    if not groma.exists():
        sys.exit(f"{groma} does not exist: cargo build --release, or name one with --groma")
    size = options.size or (100_000 if options.quick else 1_000_000)
    rounds = options.rounds or (1 if options.quick else 5)
    WORK.mkdir(parents=True, exist_ok=True)
    environment = Environment()
    environment.prepare()
    runner = Runner(groma.resolve(), environment, Clouds(environment, size))
    store = HERE / "results.json"
    results = json.loads(store.read_text()) if store.exists() and not options.quick else {}
    version = subprocess.run([groma, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    about = {"machine": machine(), "versions": environment.versions(), "groma": version, "size": size}
    for row in (row for row in ROWS if row.id in chosen):
        say(f"{row.id}: {row.work}")
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
        result = runner.row(row, rounds)
        results[row.id] = {
            "date": datetime.date.today().isoformat(), "rounds": rounds, "load": round(load, 1), **about, **result
        }
        if not options.quick:
            # After every row, so that an interrupted run keeps what it has.
            store.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
            page = HERE / "RESULTS.md"
            page.write_text(render(results, page.read_text() if page.exists() else ""))
    if options.quick:
        print(render(results, ""))
    else:
        say(f"{HERE / 'RESULTS.md'}")


if __name__ == "__main__":
    main()
