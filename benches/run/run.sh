#!/bin/sh
# Measures runs over single files of growing size: time, CPU time, and the most memory the process ever held.
# Usage: benches/run/run.sh [MILLIONS...]   (default: 10 100; 1000 needs 40 GB of disk and half an hour of two cores)
#
# The files are the demo's survey of 10 million points, laid beside itself. FOLDER says where files go (default: target/bench-run).
set -eu
cd "$(dirname "$0")/../.."
folder=${FOLDER:-target/bench-run}
groma=${GROMA:-target/release/groma}
[ -n "${GROMA:-}" ] || cargo build --release --quiet
mkdir -p "$folder"
[ -f "$folder/demo/survey.laz" ] || "$groma" demo --quiet --side 632 -o "$folder/demo"
for millions in "${@:-10 100}"; do
    for size in $millions; do
        file="$folder/$size.laz"
        times=$((size / 10))
        [ -f "$file" ] || "$groma" bench repeat "$folder/demo/survey.laz" -o "$file" --times "$times"
        "$groma" bench run "$file" --folder "$folder"
    done
done
