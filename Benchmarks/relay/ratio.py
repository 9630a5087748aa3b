#!/usr/bin/env python3
"""Our relay beside rtpengine and a bare C relay, in interleaved rounds: the ratios the goals are stated in.

  ./ns.sh python3 ratio.py [--calls 100] [--rounds 5] [--secs 3] [--tick 1000] [--only ours,floor,...] [--relaybench PATH] [--tools DIR]

Needs rtpengine (Debian package rtpengine-daemon), and rtpgen and udprelay built into DIR (see README.md). Servers run side
by side on ports of their own; only one is loaded at a time. Prints one line a measurement, then medians and ratios by round.
"""
import argparse, json, os, shutil, statistics as st, subprocess as sp, sys, tempfile, time
HERE = os.path.dirname(os.path.abspath(__file__)); sys.path.insert(0, HERE)
import cpu, run_relay


class Ours:
    """relaybench with some options."""
    def __init__(s, exe, mode, calls, tmp, options=()):
        s.calls = f"{tmp}/ours-{mode}-{'-'.join(options).strip('-')}"
        s.args = [exe, mode, str(calls), s.calls, *options]; s.start()
    def start(s):
        s.p = sp.Popen(s.args, stdin=sp.PIPE, stdout=sp.PIPE, text=True); s.ready = json.loads(s.p.stdout.readline())
    def stop(s):
        s.p.stdin.close(); out = s.p.stdout.read().strip(); s.p.wait(); return out
    def renew(s):
        """rtpgen begins with the same sequence numbers each time: for SRTP that is a replay, so each round gets new keys."""
        s.stop(); s.start(); return [s.p.pid]


class Floor:
    """udprelay in one of its modes."""
    def __init__(s, exe, mode, calls, tmp, base):
        s.calls = f"{tmp}/floor-{mode}"
        with open(s.calls, "w") as f:
            for i in range(calls): f.write(f"{base + 2 * i} {base + 2 * i + 1}\n" if mode.startswith("epoll") else f"{base} {base + 1}\n")
        s.p = sp.Popen([exe, mode, str(calls), str(base), "20001", "20002"], stdout=sp.PIPE, text=True); s.p.stdout.readline()
    def stop(s):
        s.p.terminate(); out = s.p.stdout.read().strip(); s.p.wait(); return out


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--calls", type=int, default=100); a.add_argument("--rounds", type=int, default=5); a.add_argument("--secs", type=float, default=3)
    a.add_argument("--only", default="rtpengine,rtpengine-srtp,ours,ours-srtp,ours-gcm,floor,floor-shared")
    a.add_argument("--relaybench", default=HERE + "/../.build/release/relaybench"); a.add_argument("--tools", default=HERE)
    a.add_argument("--threads", type=int, default=2); a.add_argument("--variants", default="", help="name=opt opt;name=...")
    a.add_argument("--tick", type=int, default=1000, help="microseconds between the generator's bursts")
    a.add_argument("--json"); o = a.parse_args()
    names = o.only.split(","); tmp = tempfile.mkdtemp(prefix="ratio."); run_relay.HERE = o.tools
    servers, objects, rows, made = {}, {}, {}, []
    try:
        t = ("--threads", str(o.threads))
        for n in names:
            if n in ("ours", "ours-srtp", "ours-gcm"):
                mode = {"ours": "rtp", "ours-srtp": "srtp", "ours-gcm": "gcm"}[n]
                x = Ours(o.relaybench, mode, o.calls, tmp, t); made.append(x); servers[n] = ([x.p.pid], x.calls, ["-g"] if mode == "gcm" else []); x.fresh = mode != "rtp"; objects[n] = x
                rows.setdefault("setup", {})[n] = x.ready
            elif n.startswith("floor"):
                x = Floor(o.tools + "/udprelay", "epoll" if n == "floor" else "one", o.calls, tmp, 12000 if n == "floor" else 18000)
                made.append(x); servers[n] = ([x.p.pid], x.calls, [])
        for v in filter(None, o.variants.split(";")):
            n, opts = v.split("=", 1); x = Ours(o.relaybench, "rtp", o.calls, tmp, t + tuple(opts.split())); made.append(x); servers[n] = ([x.p.pid], x.calls, [])
        if any(n.startswith("rtpengine") for n in names):
            p = run_relay.start(tmp, o.threads); ng = run_relay.Ng()
            made.append(type("P", (), dict(p=p, stop=lambda s: (s.p.terminate(), s.p.wait())[0]))())
            for n in names:
                if n.startswith("rtpengine"):
                    fn = f"{tmp}/{n}"; run_relay.setup(ng, "srtp" if n.endswith("srtp") else "rtp", o.calls, fn); servers[n] = ([p.pid], fn, [])
        res = {n: [] for n in servers}
        for r in range(o.rounds):
            for n, (pids, fn, xa) in servers.items():
                if r and n in objects and objects[n].fresh: pids = objects[n].renew()
                m = run_relay.measure(pids, ["-d", str(o.secs), "-w", "2.5", "-t", str(o.tick)] + xa, fn); res[n].append(m)
                print(f"{r} {n:16} {m['us_per_pkt']:7.3f} us/packet  user {m['user_us']:6.2f} sys {m['sys_us']:6.2f}  p50 {m['lat_us']['p50']:6.0f} p99 {m['lat_us']['p99']:7.0f} us"
                      f"  loss {m['loss_pct']:.3f} %  bad {m['srtp_bad']}  pss {m['pss_mb']} MB  host busy {m['host']['busy_pct']} %", flush=True)
        print("\nsetup", json.dumps(rows.get("setup", {})))
        for n, ms in res.items(): print(f"{n:16} median {st.median(m['us_per_pkt'] for m in ms):.3f} us  ({min(m['us_per_pkt'] for m in ms):.3f} to {max(m['us_per_pkt'] for m in ms):.3f})")
        def ratio(x, y):
            if x in res and y in res:
                q = [i["us_per_pkt"] / j["us_per_pkt"] for i, j in zip(res[x], res[y])]; print(f"{x} / {y}: {st.median(q):.3f} ({min(q):.3f} to {max(q):.3f})")
        for x, y in (("ours", "rtpengine"), ("ours-srtp", "rtpengine-srtp"), ("ours-gcm", "rtpengine-srtp"), ("ours", "floor"), ("floor", "rtpengine")): ratio(x, y)
        for v in filter(None, o.variants.split(";")): ratio(v.split("=")[0], "ours")
        if o.json: json.dump(dict(runs=res, setup=rows.get("setup")), open(o.json, "w"))
    finally:
        for x in made:
            try: print(x.stop())
            except Exception as e: print("stop:", e)
        shutil.rmtree(tmp, ignore_errors=True)


if __name__ == "__main__": main()
