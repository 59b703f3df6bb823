#!/bin/sh
# Builds the benchmark of GPUs, checks the device with it, looks for memory errors and races, times it, and writes RESULTS.md.
#
#   benches/gpu/run.sh [--binary PATH] [--results FILE] [options of the benchmark]
#
# --binary PATH   a benchmark that was built elsewhere (`cargo bench --features cuda --bench gpu --no-run` says where it lies):
#                 nothing is built, and nothing but that file and this script is needed
# --results FILE  written instead of RESULTS.md beside this script
#
# All other options go to the benchmark; `--help` lists them. GROMA_ONNXRUNTIME names ONNX Runtime's library, which classification
# is checked and timed with, and GROMA_CUDA_LIBRARIES the folder of the libraries that it needs for GPUs. Where compute-sanitizer is
# on the path, it watches a small check.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
started="benches/gpu/run.sh $*"
binary=
results=
rest=$#
while [ "$rest" -gt 0 ]; do
    rest=$((rest - 1))
    option=$1
    shift
    case $option in
    --binary | --results)
        [ "$rest" -gt 0 ] || { echo "\`$option\` lacks its value" >&2; exit 2; }
        rest=$((rest - 1))
        if [ "$option" = --binary ]; then binary=$1; else results=$1; fi
        shift
        ;;
    *) set -- "$@" "$option" ;;
    esac
done

if [ -z "$results" ]; then
    case " $* " in
    *" emulated:"*)
        echo "the emulator's times are no results: name another file with --results" >&2
        exit 2
        ;;
    esac
    results=$here/RESULTS.md
fi

if [ -z "$binary" ]; then
    built=$(cd "$here/../.." && cargo bench --features cuda --bench gpu --no-run --message-format=json)
    binary=$(printf '%s\n' "$built" | sed -n 's/.*"name":"gpu".*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
    [ -n "$binary" ] || { echo "cargo did not say what it built" >&2; exit 1; }
fi
[ -x "$binary" ] || { echo "$binary cannot be run" >&2; exit 1; }

for option in "$@"; do
    [ "$option" != --help ] || exec "$binary" --help
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "== check"
"$binary" "$@" --check-only --markdown "$work/check.md"

echo "== memory errors and races"
if command -v compute-sanitizer >/dev/null 2>&1; then
    for tool in memcheck racecheck; do
        # A few blocks of each kernel are enough, and every access is slow here.
        compute-sanitizer --tool "$tool" --error-exitcode 1 "$binary" "$@" --check-only --check-points 20000
    done
    sanitized="compute-sanitizer: no memory errors and no races in a check of 20,000 points."
else
    sanitized="compute-sanitizer was not on the path: memory errors and races were NOT looked for."
    echo "SKIPPED: $sanitized" >&2
fi

echo "== times"
"$binary" "$@" --command "$started" --markdown "$work/times.md"

{
    echo "# What Groma does on a GPU"
    echo
    echo "Written by \`benches/gpu/run.sh\`, $(date -u +%Y-%m-%d)."
    echo
    cat "$work/times.md"
    echo
    echo "$sanitized"
} >"$work/results.md"
cp "$work/results.md" "$results"
echo "wrote $results"
