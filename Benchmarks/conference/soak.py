#!/usr/bin/env python3
"""Ten conferences with parties that come and go, for as long as you like: does anything grow, drift, or go unheard?

Started by `soak`, inside a network namespace of its own. The server is `tandem serve` as it comes; soakload is everybody else. Every ten seconds
one sample of the process and of the host; a bare loop beside tells what the machine
does to anybody. Beginning
and end are the medians of a tenth of the samples, after a warm-up of a fifth.
"""
import argparse, json, os, platform, shutil, signal, statistics as st, subprocess as sp, sys, tempfile, time
HERE = os.path.dirname(os.path.abspath(__file__)); sys.path[:0] = [HERE + "/../signalling", HERE + "/../relay", HERE + "/.."]
import cpu
from bench import processor, show
from servers import Tandem, stop

ROOMS = 10
GOALS = dict(growth=2_000, missed=0.1, unheard=0.1, drift=40.0, pace=0.05)


def sample(pid, last):
    """What the process holds now, and how busy host and process were since the last sample."""
    host, used, now = cpu.host_cpu(), cpu.cpu_ns([pid]), time.time(); x = dict(time=now, host=host, used=used)
    x["pss"] = cpu.rss_kb([pid]); x["files"] = len(os.listdir(f"/proc/{pid}/fd")); x["threads"] = len(os.listdir(f"/proc/{pid}/task"))
    with open(f"/proc/{pid}/net/udp") as f: x["sockets"] = sum(1 for _ in f) - 1
    if last: x.update(cpu.host_delta(last["host"], host)); x["core_pct"] = (used - last["used"]) / 1e7 / (now - last["time"])
    return x


def judge(samples, parts, end, whole, after, left):
    rows = []
    def row(name, value, goal, met, start=None): rows.append(dict(name=name, ours=value, peer=start, ratio=None, goal=goal, met=met))
    kept = [x for x in samples if x["time"] > samples[0]["time"] + (samples[-1]["time"] - samples[0]["time"]) / 5] or samples
    tenth = max(1, len(kept) // 10); first, last = kept[:tenth], kept[-tenth:]; middle = lambda xs, key: st.median(x[key] for x in xs)
    row("calls", end["calls"], "", None); row("calls refused, or ended by the server", end["refused"] + end["ended_by_server"], "0", end["refused"] + end["ended_by_server"] == 0)
    grown = middle(last, "pss") - middle(first, "pss")
    row("memory at the end, kB (peer: at the beginning)", int(middle(last, "pss")), f"+ {GOALS['growth']} kB", grown <= GOALS["growth"], int(middle(first, "pss")))
    for key, name in (("files", "open files"), ("sockets", "UDP sockets of the namespace"), ("threads", "threads")):
        a, b = max(x[key] for x in first), max(x[key] for x in last)
        # Sockets rest open for the next call, as many as were needed at once: a busier minute may open a few more.
        row(f"{name}, most at the end (peer: at the beginning)", b, "no more" if key == "threads" else "+ 5 %", b <= a * (1 if key == "threads" else 1.05) + (key != "threads"), a)
    missed = lambda x: x["missing"] + x["skipped"] + x["late"]
    share = 100 * missed(end) / max(1, end["packets"])
    row("packets to parties", end["packets"], "", None)
    row("packets missing, 20 ms left out, or 20 ms late, %", share, f"<= {GOALS['missed']:g} %", share <= GOALS["missed"])
    pairs = list(zip(parts, parts[1:])); quiet = [(missed(b) - missed(a), b["packets"] - a["packets"]) for a, b in pairs if b["witness_late"] == a["witness_late"]]
    if quiet: row(f"the same in the 10 s when the bare loop was never late ({len(quiet)} of {len(pairs)}), %", 100 * sum(m for m, _ in quiet) / max(1, sum(n for _, n in quiet)), "", None)
    row("ms without a packet, at most, of a G.711 party", whole["longest_ms"], "", None)
    row("20 ms that a bare loop on the same machine missed, %", 100 * end["witness_late"] / max(1, end["witness_ticks"]), "", None)
    row("times the generator itself was 20 ms late", end["own_late"], "", None)
    row("packets in another order", end["reordered"], "0", end["reordered"] == 0)
    row("checks whether a speaker is heard", end["checks"], "", None)
    share = 100 * end["unheard"] / max(1, end["checks"]); row("of these unheard, %", share, f"<= {GOALS['unheard']:g} %", share <= GOALS["unheard"])
    row("tones heard that nobody in the room spoke", end["strange"], "0", end["strange"] == 0)
    drift = abs(whole["drift_ppm"]) * whole["stay_s"] / 1e3
    row(f"timestamps against the clock after {whole['stay_s']:.0f} s, ms", drift, f"<= {GOALS['drift']:g} ms", drift <= GOALS["drift"])
    least, most = whole["permanent_pace"]
    row("packets and packets left out a second, of who stayed (peer: the other extreme)", least, f"50 +- {GOALS['pace']}", 50 - GOALS["pace"] <= least <= most <= 50 + GOALS["pace"], most)
    row("calls and conferences left", left, "0", left == 0)
    row("memory with everybody gone, kB; open files", after["pss"], "", None, after["files"])
    row("CPU of a core, %; host busy, %", st.mean(x["core_pct"] for x in samples), "", None, st.mean(x["busy_pct"] for x in samples))
    row("steal, %, mean; most in 10 s", st.mean(x["steal_pct"] for x in samples), "", None, max(x["steal_pct"] for x in samples))
    return rows


def main():
    a = argparse.ArgumentParser(prog="soak", description=__doc__); a.add_argument("--minutes", type=float, default=60); a.add_argument("--json", help="file for all samples")
    a.add_argument("--tandem", default=HERE + "/../../.build/release/tandem"); a.add_argument("--keep", action="store_true", help="leave log and records behind"); a.add_argument("--before-others", action="store_true", help="run the server before all other programs of this machine (SCHED_RR; as root)"); a.add_argument("--verbose", "-v", action="store_true"); o = a.parse_args()
    if o.minutes < 0.5: a.error("half a minute at least")
    if o.before_others and not cpu.before_others(1): a.error("--before-others is not allowed here")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143)); tmp = tempfile.mkdtemp(prefix="soak."); load = server = None
    try:
        server = Tandem(o.tandem, tmp, 15065, "10000-64999", "127.0.0.2", [f"soak{i}" for i in range(ROOMS)]); pid = server.process.pid
        began = time.time(); print(f"{time.strftime('%F %T')}: {o.minutes:g} minutes, {ROOMS} conferences", flush=True)
        load = sp.Popen([HERE + "/soakload", str(server.port), "soak", str(ROOMS), str(o.minutes * 60)], stdout=sp.PIPE, text=True, preexec_fn=cpu.before_others); samples, parts, end, whole = [sample(pid, None)], [], None, None
        for line in load.stdout:
            x = json.loads(line)
            if x["kind"] == "part":
                samples.append(sample(pid, samples[-1])); parts.append(x); now = samples[-1]
                if o.verbose or len(parts) % 30 == 0: print(f"{x['seconds']:7.0f} s  up {x['up']}  calls {x['calls']}  pss {now['pss']} kB  files {now['files']}  core {now['core_pct']:.0f} %  host {now['busy_pct']:.0f} %  missing {x['missing']} left out {x['skipped']} late {x['late']}  unheard {x['unheard']} of {x['checks']}", flush=True)
            elif x["kind"] == "end": end = x
            else: whole = x
        if load.wait() or not whole: raise SystemExit(f"soak: soakload ended with {load.returncode}; tandem {'runs' if server.process.poll() is None else 'ended with ' + str(server.process.poll())}")
        time.sleep(3); ask = lambda *words: sp.run([o.tandem, *words, "--state", server.directory + "/state"], capture_output=True, text=True, timeout=20)
        rosters = ask("conferences", "--json"); calls = ask("calls", "--active", "--json")
        if rosters.returncode or calls.returncode: raise SystemExit(f"soak: {rosters.stderr}{calls.stderr}")
        count = lambda text: len(x) if isinstance(x := json.loads(text or "[]"), list) else sum(len(v) for v in x.values() if isinstance(v, list))
        left = count(rosters.stdout) + count(calls.stdout); rows = judge(samples[1:], parts, end, whole, sample(pid, None), left)
        print(); show(rows); print(f"\n{time.strftime('%F %R')}, {os.cpu_count()} CPUs, {processor()}, Linux {platform.release()}; {(time.time() - began) / 60:.1f} min")
        if o.json:
            with open(o.json, "w") as f: json.dump(dict(samples=samples, parts=parts, end=end, whole=whole, rows=rows), f, indent=1)
        if any(r["met"] is False for r in rows): raise SystemExit(1)
    finally:
        for p in (load, server.process if server else None):
            if p: stop(p)
        if o.keep: print("kept", tmp)
        else: shutil.rmtree(tmp, ignore_errors=True)


if __name__ == "__main__": main()
