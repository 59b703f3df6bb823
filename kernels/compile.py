"""Compiles every kernel of this folder to PTX, and writes down from what: `cargo xtask ptx` runs it.

    python3 kernels/compile.py SOURCES OUT

NVRTC comes from the installed package `nvidia-cuda-nvrtc-cu12`; no CUDA toolkit and no GPU are needed. SOURCES holds the
`.cu` and `.cuh` files, OUT receives `NAME.compute_NN.ptx` and `manifest.json`; what else lies there is removed. The same
sources give the same bytes on every machine.
"""

import ctypes
import hashlib
import importlib.metadata
import importlib.util
import json
import pathlib
import re
import sys

PACKAGE = "nvidia-cuda-nvrtc-cu12"
ARCHITECTURES = ["compute_75", "compute_80", "compute_90"]
# Results shall have the bits of the CPU: nothing is contracted, flushed to zero or approximated.
OPTIONS = [
    "--std=c++17",
    "--fmad=false",
    "--ftz=false",
    "--prec-div=true",
    "--prec-sqrt=true",
    "-default-device",
    "-DNDEBUG",
]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]', re.MULTILINE)
ENTRY = re.compile(r"^\.(?:visible|weak) \.entry ([A-Za-z_]\w*)\(([^)]*)\)", re.MULTILINE)
PARAMETER = re.compile(r"\.param\s+(?:\.align\s+\d+\s+)?\.([a-z]+)(\d+)\s+\w+(?:\[(\d+)\])?")


class Nvrtc:
    """The compiler, as a library."""

    def __init__(self):
        package = importlib.util.find_spec("nvidia.cuda_nvrtc")
        if package is None:
            sys.exit(f"the package {PACKAGE} is not installed for {sys.executable}; run `cargo xtask ptx`")
        folder = pathlib.Path(list(package.submodule_search_locations)[0])
        found = sorted(folder.glob("lib/libnvrtc.so.*")) + sorted(folder.glob("bin/nvrtc64_*_0.dll"))
        if not found:
            sys.exit(f"{folder} holds no NVRTC library for this platform")
        self.version = importlib.metadata.version(PACKAGE)
        self.library = ctypes.CDLL(str(found[0]))
        self.library.nvrtcGetErrorString.restype = ctypes.c_char_p

    def check(self, code, what):
        if code != 0:
            sys.exit(f"NVRTC: {what}: {self.library.nvrtcGetErrorString(code).decode()}")

    def text(self, program, what):
        """What NVRTC holds of a program: `PTX` or `ProgramLog`."""
        size = ctypes.c_size_t()
        self.check(getattr(self.library, f"nvrtcGet{what}Size")(program, ctypes.byref(size)), f"size of the {what}")
        buffer = ctypes.create_string_buffer(size.value)
        self.check(getattr(self.library, f"nvrtcGet{what}")(program, buffer), what)
        return buffer.value.decode()

    def compile(self, name, source, headers, options):
        """PTX (none if the source is in error) and messages of a source. `headers` is text by name; no file is read."""
        program = ctypes.c_void_p()
        strings = ctypes.c_char_p * len(headers)
        texts = strings(*[text.encode() for text in headers.values()])
        names = strings(*[name.encode() for name in headers])
        created = self.library.nvrtcCreateProgram(
            ctypes.byref(program), source.encode(), name.encode(), len(headers), texts, names
        )
        self.check(created, f"create a program of {name}")
        arguments = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
        failed = self.library.nvrtcCompileProgram(program, len(options), arguments)
        messages = self.text(program, "ProgramLog").strip()
        if failed and not messages:
            self.check(failed, f"compile {name}")
        ptx = None if failed else self.text(program, "PTX")
        self.library.nvrtcDestroyProgram(ctypes.byref(program))
        return ptx, messages


def read(path):
    """Text with the line ends of Unix, whatever a checkout made of them."""
    return path.read_bytes().decode("utf-8").replace("\r\n", "\n")


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def included(folder, text):
    """The headers that a source includes, directly or not: text by name, in the order of their names."""
    found, open_texts = {}, [text]
    while open_texts:
        for name in INCLUDE.findall(open_texts.pop()):
            if name not in found:
                path = folder / name
                if not path.is_file():
                    sys.exit(f"{path} is included and does not exist; kernels include nothing but files beside them")
                found[name] = read(path)
                open_texts.append(found[name])
    return dict(sorted(found.items()))


def entries(ptx):
    """The kernels of a PTX text: name, and the bytes of each parameter."""
    found = {}
    for name, parameters in ENTRY.findall(ptx):
        sizes = [int(bits) // 8 * int(count or 1) for _, bits, count in PARAMETER.findall(parameters)]
        if len(sizes) != parameters.count(".param"):
            sys.exit(f"the parameters of {name} are not understood: {parameters}")
        found[name] = sizes
    return found


def tidy(ptx, origin):
    """PTX without comments on how it was made, and without the constants of `nv::target`, which no kernel refers to."""
    dropped = re.compile(r"//|\.global .*_ZN\w*nv6target")
    lines = [line.rstrip() for line in ptx.splitlines() if not dropped.match(line)]
    body = "\n".join(lines).strip("\n")
    return f"// {origin}\n{body}\n"


def place_of(message, names):
    """Messages name headers by their names alone; a person wants a path."""
    for name in names:
        message = re.sub(rf"(?m)^{re.escape(name)}\(", f"kernels/{name}(", message)
    return message


def main(sources, out):
    nvrtc = Nvrtc()
    files = sorted(sources.glob("*.cu"))
    if not files:
        sys.exit(f"{sources} holds no kernels (*.cu)")
    kernels, written, broken, kernel_of = {}, {}, [], {}
    for path in files:
        text = read(path)
        headers = included(sources, text)
        ptx_digests, found, said = {}, None, set()
        for architecture in ARCHITECTURES:
            options = [f"--gpu-architecture={architecture}", *OPTIONS]
            ptx, messages = nvrtc.compile(path.name, text, headers, options)
            messages = place_of(messages, [path.name, *headers])
            if messages and messages not in said:
                print(f"{architecture}:\n{messages}", file=sys.stderr)
                said.add(messages)
            if ptx is None:
                broken.append(path.name)
                break
            name = f"{path.stem}.{architecture}.ptx"
            written[name] = tidy(ptx, f"kernels/{path.name} by NVRTC {nvrtc.version}; made by `cargo xtask ptx`")
            ptx_digests[architecture] = digest(written[name])
            if found not in (None, entries(ptx)):
                sys.exit(f"{path}: the kernels of {architecture} differ from those of {ARCHITECTURES[0]}")
            found = entries(ptx)
        for entry in found or {}:
            if entry in kernel_of:
                sys.exit(f"{path}: kernel {entry} is in {kernel_of[entry]}, too; give each a name of its own")
            kernel_of[entry] = path.name
        if path.name not in broken and not found:
            sys.exit(f'{path} holds no kernel; declare one as `extern "C" __global__ void`')
        kernels[path.stem] = {
            "sources": {name: digest(text) for name, text in {path.name: text, **headers}.items()},
            "ptx": ptx_digests,
            "entries": {entry: {"parameters": sizes} for entry, sizes in (found or {}).items()},
        }
    if broken:
        sys.exit(f"not compiled: {', '.join(broken)}; {out} is as it was")
    manifest = {"nvrtc": nvrtc.version, "architectures": ARCHITECTURES, "options": OPTIONS, "kernels": kernels}
    written["manifest.json"] = json.dumps(manifest, indent=2) + "\n"
    out.mkdir(parents=True, exist_ok=True)
    for path in out.iterdir():
        if path.name not in written:
            path.unlink()
    for name, text in written.items():
        path = out / name
        if not path.is_file() or read(path) != text:
            path.write_bytes(text.encode())
    print(f"{out}: {len(kernel_of)} kernels of {len(files)} files, for {', '.join(ARCHITECTURES)}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
