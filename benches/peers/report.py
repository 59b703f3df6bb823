"""RESULTS.md from the measurements. What people wrote between the marks of a row's notes stays."""

import re
import statistics

from rows import ROWS

HEAD = """# Groma beside its peers

Written by `benches/peers/run.py`; the measurements themselves are in `results.json`. Programs that do the same work run in
turns on one machine, so that another load hits all alike. Ratios are those of median CPU seconds (user and system, all
threads); only they mean anything on another machine. The range is that of the ratio in single rounds.

"""


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def ratio(row, result):
    """(median, lowest, highest, against whom), or None."""
    measured = result["measured"]
    own = measured.get(row.groma.name)
    if not own:
        return None
    if row.measure == "MB":
        sizes = [run["rss"] for run in own]
        return statistics.median(sizes), min(sizes), max(sizes), ""
    peers = [p.name for p in row.peers if p.name in measured and (not row.same or p.name in row.same)]
    # Where the peer that counts is missing, the others have to do.
    peers = peers or [p.name for p in row.peers if p.name in measured]
    if not peers:
        return None
    best = min(peers, key=lambda name: median(measured[name], "cpu"))

    def of(own_cpu, peer_cpu):
        a, b = max(own_cpu, 1e-9), max(peer_cpu, 1e-9)
        return a / b if row.measure == "groma/peer" else b / a

    single = [of(a["cpu"], b["cpu"]) for a, b in zip(own, measured[best])]
    return of(median(own, "cpu"), median(measured[best], "cpu")), min(single), max(single), best


def floor_of(row, result):
    return row.floor.get(result["machine"]["simd"]) if isinstance(row.floor, dict) else row.floor


def verdict(row, result, value):
    floor = floor_of(row, result)
    if row.goal is None:
        return "no goal set"
    sign = 1 if row.measure == "peer/groma" else -1
    if sign * value >= sign * row.goal:
        return "goal met"
    return "above the floor" if sign * value >= sign * floor else "**below the floor**"


def number(value, row):
    if value is None:
        return "—"
    return f"{value:g} MB" if row.measure == "MB" else f"{value:g}x"


def shown(value, row):
    return f"{value:.0f} MB" if row.measure == "MB" else f"{value:.3g}x"


def summary(results):
    lines = [
        "| row | work | against | ratio | goal | floor | |",
        "|---|---|---|--:|--:|--:|---|",
    ]
    for row in ROWS:
        result = results.get(row.id)
        limit = "≤ " if row.measure != "peer/groma" else "≥ "
        goal = "—" if row.goal is None else limit + number(row.goal, row)
        if result is None:
            lines.append(f"| {row.id} | {row.work} | | | {goal} | | not measured |")
            continue
        floor = floor_of(row, result)
        floor = "—" if floor is None else limit + number(floor, row)
        found = ratio(row, result)
        if found is None:
            reason = result["failed"].get(row.groma.name, "no peer could be run")
            lines.append(f"| {row.id} | {row.work} | | | {goal} | {floor} | {reason} |")
            continue
        value, _, _, best = found
        lines.append(
            f"| {row.id} | {row.work} | {best} | {shown(value, row)} | {goal} | {floor} | {verdict(row, result, value)} |"
        )
    return "\n".join(lines) + "\n"


def section(row, result, notes):
    machine = result["machine"]
    lines = [f"## {row.id}: {row.work}", "", row.about, ""]
    counts = [runs[0]["n"] for runs in result["measured"].values()]
    points = f"{counts[0]:,} items, " if counts else ""
    lines += [
        f"{result['date']}; {points}{machine['cores']} cores of {machine['cpu']} ({machine['simd']}, {machine['system']}), "
        f"load {result['load']} before; rounds: {result['rounds']}; {result['groma']}; "
        f"`python3 benches/peers/run.py --rows {row.id} --size {result['size']} --rounds {result['rounds']}`",
        "",
        "| program | wall s | CPU s | M items / CPU-s | memory MB | check | CPU time, its / groma's |",
        "|---|--:|--:|--:|--:|---|--:|",
    ]
    own = result["measured"].get(row.groma.name)
    for program in [row.groma, *row.peers]:
        runs = result["measured"].get(program.name)
        version = result["versions"].get(program.name.split("+")[0].split(" ")[0].lower())
        name = f"{program.name} {version}" if version else program.name
        name += f" ({program.note})" if program.note else ""
        if not runs:
            lines.append(f"| {name} | | | | | {result['failed'].get(program.name, 'not run')} | |")
            continue
        cpu = median(runs, "cpu")
        against = f"{cpu / max(median(own, 'cpu'), 1e-9):.3g}" if own else ""
        memory = max(run["rss"] for run in runs)
        lines.append(
            f"| {name} | {median(runs, 'wall'):.3f} | {cpu:.3f} | {runs[0]['n'] / max(cpu, 1e-9) / 1e6:.3g} "
            f"| {memory:.0f} | {runs[0]['check']} | {against} |"
        )
    found = ratio(row, result)
    if found:
        value, low, high, best = found
        floor = floor_of(row, result)
        limits = "" if row.goal is None else f"; goal {number(row.goal, row)}, floor {number(floor, row)}"
        said = f" against {best}" if best else f", {1e6 * value / counts[0]:.0f} bytes a point"
        lines += ["", f"**{shown(value, row)}**{said} ({shown(low, row)} to {shown(high, row)}){limits}: {verdict(row, result, value)}."]
    # People's own words on a row stand between these marks.
    lines += ["", f"<!-- notes {row.id} -->", *([notes] if notes else []), f"<!-- end {row.id} -->", ""]
    return "\n".join(lines)


def render(results, before):
    """The whole page; `before` is the page as it was."""
    notes = {m[1]: m[2].strip() for m in re.finditer(r"<!-- notes (\S+) -->\n(.*?)<!-- end \1 -->", before, re.S)}
    known = [row for row in ROWS if results.get(row.id, {}).get("measured")]
    sections = [section(row, results[row.id], notes.get(row.id, "")) for row in known]
    return HEAD + summary(results) + "\n" + "\n".join(sections)
