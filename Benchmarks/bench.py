#!/usr/bin/env python3
"""Everything `make bench` prints: Tandem beside Kamailio, rtpengine, Janus and a bare C relay, in interleaved rounds of one run.

Started by `run`, inside a network namespace of its own. CPU is scheduler run time of all threads of a server; a row's
figures are medians over the rounds, its ratio the median of the rounds' ratios.
"""
import argparse, hashlib, json, os, platform, shutil, signal, statistics as st, subprocess as sp, sys, tempfile, time
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE + "/signalling", HERE + "/relay", HERE + "/policy", HERE + "/conference"]
import cpu, rules, run_relay, servers
from janus import Janus
from gatherings import Gatherings
from rooms import Rooms
from calls import Caller
from servers import Floor, Kamailio, Tandem, UAC_PORT, UAS_PORT, stop

CALLS = (50, 200, 500)
ROOM_PORTS = 11000                                # and on: nobody else takes those
VIDEO = ["-p", "1100", "-B", "8", "-i", "33"]     # 8 packets of 1,112 bytes 30 times a second
LEAST = dict(p50=10, p99=100)                     # us: less than this cannot be told from noise, and would make any ratio
GOAL = dict(cpu=1.0, latency=1.0, rtp=0.30, srtp=0.27, memory=0.40, idle=2.0, growth=100.0, noise=1.25, scaling=3.0, linear=0.01, p99=10.0, compile=2_000, rule=200)
RULES = (10, 1_000, 10_000, 100_000)
# Participants, how many of them speak, roomload's mode, and whether Janus does it too: it takes seconds to fill a large room.
ROOMS = {"10 talking": (10, 10, "speech", True), "30, 3 talking": (30, 3, "speech", True), "30, 3 talking, others pause": (30, 3, "dtx", True),
         "10 talking, G.711": (10, 10, "pcmu", False), "30, 3 talking, G.711": (30, 3, "pcmu", False), "100, 3 talking, G.711": (100, 3, "pcmu", False),
         "300, 3 talking, G.711": (300, 3, "pcmu", False), "100, 3 talking": (100, 3, "speech", False), "300, 3 talking": (300, 3, "speech", False)}
ROOM_GOALS = {"10 talking": ("floor", 0.75), "30, 3 talking": ("peer", 0.15)}


class Bench(Gatherings):
    def __init__(s, o):
        s.sizes = (10, 10_000) if o.quick else RULES
        s.o = o; s.tmp = tempfile.mkdtemp(prefix="bench."); s.started = []; s.rounds = {}; s.once = {}; s.noise = []; s.counts = {}; s.mixes = {}
        s.sipload, s.udprelay = HERE + "/signalling/sipload", HERE + "/relay/udprelay"
        run_relay.HERE = HERE + "/relay"; s.began = time.time()

    def keep(s, x): s.started.append(getattr(x, "process", x)); return x
    def put(s, name, **figures): s.rounds.setdefault(name, []).append(figures)
    def count(s, name, who, n): s.counts.setdefault(name, {}).setdefault(who, 0); s.counts[name][who] += n
    def say(s, text):
        if s.o.verbose: print(f"{time.time() - s.began:6.1f} s  {text}", file=sys.stderr, flush=True)

    def end(s):
        for p in reversed(s.started): stop(p)
        if s.o.keep: print("kept", s.tmp, file=sys.stderr)
        else: shutil.rmtree(s.tmp, ignore_errors=True)

    # The whole run.

    def run(s):
        o = s.o; need = lambda *parts: any(s.wants(x) for x in parts)
        if need("sip", "memory", "soak"): s.uas = s.keep(sp.Popen([s.sipload, "uas", str(UAS_PORT)], stdout=sp.DEVNULL))
        if need("sip", "relay", "memory", "transcode"): s.tandem = s.keep(Tandem(o.tandem, s.tmp, 15061, "30000-39999")); s.caller = Caller(s.tandem.port)
        s.soak = s.keep(Tandem(o.tandem, s.tmp, 15062, "40000-63999")) if s.wants("soak") else None
        if need("sip", "memory"): s.kamailio = s.keep(Kamailio(s.tmp))
        if need("relay", "memory", "transcode"): d = s.tmp + "/rtpengine"; os.makedirs(d); s.rtpengine = s.keep(run_relay.start(d, 2)); s.ng = run_relay.Ng()
        if need("relay", "memory"): s.floor = s.keep(Floor(s.udprelay, max(CALLS), s.tmp + "/floor"))
        if need("rooms", "delay", "empty"): s.janus = s.keep(Janus(s.tmp))
        if s.wants("rooms"): s.hall = s.keep(Tandem(o.tandem, s.tmp, 15063, "27000-29999")); s.rooms = Rooms(s.hall.port)
        if need("joins", "delay", "empty"): s.start_crowd()
        if s.wants("memory"): s.idle()
        if need("relay", "memory"): s.set_up_relayed()
        if s.soak: s.first_batch()
        for r in range(o.rounds):
            s.calibrate()
            if s.wants("sip"): s.signalling()
            if s.wants("relay"): s.relay()
            if s.wants("policy"): s.policy()
            if s.wants("transcode"): s.transcoding()
            if s.wants("mix"): s.mixing()
            if s.wants("rooms"): s.conferences()
            if s.wants("delay"): s.delays()
            if s.wants("joins"): s.joins()
        if s.wants("empty"): s.empty()
        if s.soak: s.flat_memory()
        s.ended = [x.args[0] for x in s.started if x.poll() is not None]

    def wants(s, part): return not s.o.only or part in s.o.only.split(",")

    def calibrate(s):
        """Fixed work: how much the machine's other users slow this round."""
        t = time.thread_time(); data = bytes(1 << 20)
        for _ in range(40): hashlib.sha256(data).digest()
        x = {}
        for i in range(200_000): x[i & 4095] = i
        s.noise.append((time.thread_time() - t) * 1e3)

    # Signalling.

    def load(s, port, rate, seconds, hold=300):
        out = sp.run([s.sipload, "uac", str(UAC_PORT), str(port), str(rate), str(seconds), str(hold)], capture_output=True, text=True, timeout=seconds + 30)
        x = json.loads(out.stdout); x["lost"] = x["calls"] - x["done"]; return x

    def signalling(s):
        o = s.o; direct = s.load(UAS_PORT, o.rate, min(1.5, o.sip_seconds)); f = {}
        for who, server in (("peer", s.kamailio), ("ours", s.tandem)):
            before = cpu.cpu_ns(server.pids); x = s.load(server.port, o.rate, o.sip_seconds)
            f[who] = dict(cpu=(cpu.cpu_ns(server.pids) - before) / 1e3 / max(1, x["done"]),
                          **{q: max(LEAST[q], (x["invite_ms"][q] - direct["invite_ms"][q]) * 1e3) for q in LEAST})
            s.count("faults", who, x["lost"] + x["late"] + x["no_ringing"] + x["overtaken"] + x["errors"] + x["repeated"])
            s.say(f"{who} {f[who]['cpu']:.0f} us/call  {x}")
        for k in ("cpu", "p50", "p99"): s.put(k, ours=f["ours"][k], peer=f["peer"][k])

    # Media.

    def set_up_relayed(s):
        """Calls for the RTP rows, and what each costs in memory: from 250 calls under load to 500.

        The transactions that set a call up linger for 32 s. The full run waits for those of the first half, whose memory the
        second half's then use again; in a quick run they count as part of the call.
        """
        few, all_ = max(CALLS) // 2, max(CALLS); size = {}; files = dict(ours=f"{s.tmp}/ours", peer=f"{s.tmp}/peer")
        def ours(n): s.caller.place(n, files["ours"], mode="a")
        def peer(n):
            run_relay.setup(s.ng, "rtp", n, files["peer"] + ".new")
            with open(files["peer"], "a") as f, open(files["peer"] + ".new") as g: f.write(g.read())
        for who, more, pids in (("ours", ours, s.tandem.pids), ("peer", peer, [s.rtpengine.pid])):
            more(few); run_relay.measure(pids, ["-d", "0.3", "-w", "0.2"], files[who])
            if not s.o.quick: time.sleep(34)
            size[who] = -cpu.rss_kb(pids)
            more(all_ - few); run_relay.measure(pids, ["-d", "0.5", "-w", "0.5"], files[who]); size[who] = (size[who] + cpu.rss_kb(pids)) / (all_ - few)
        s.once["memory"] = size; s.files = files; s.say(f"memory per call, kB: {size}")
        for who in files:
            lines = open(files[who]).readlines()
            for n in CALLS: open(f"{files[who]}-{n}", "w").writelines(lines[:n])
        lines = open(s.tmp + "/floor").readlines()
        for n in CALLS: open(f"{s.tmp}/floor-{n}", "w").writelines(lines[:n])

    def relayed(s, who, pids, file, options):
        x = run_relay.measure(pids, ["-d", str(s.o.relay_seconds), "-w", str(s.o.warm)] + options, file)
        s.count("packets lost", who, x["sent"] - x["recv"]); s.count("packets", who, x["sent"]); s.count("bad", who, x["srtp_bad"])
        return x["us_per_pkt"], f"{who} {x['us_per_pkt']} p50 {x['lat_us']['p50']:.0f} us lost {x['sent'] - x['recv']} of {x['sent']}"

    def relay(s):
        ours, peer, floor = s.tandem.pids, [s.rtpengine.pid], s.floor.pids
        for name, n, options in [(f"{n} calls", n, []) for n in CALLS] + [("video", 50, VIDEO)]:
            a, x = s.relayed("ours", ours, f"{s.files['ours']}-{n}", options); b, y = s.relayed("peer", peer, f"{s.files['peer']}-{n}", options)
            c, z = s.relayed("floor", floor, f"{s.tmp}/floor-{n}", options); s.say(f"rtp {name}: {x}; {y}; {z}")
            s.put(f"rtp {name}", ours=a, peer=b); s.put(f"floor {name}", ours=a, peer=c)
        keep = len(s.caller.dialogs)
        for name, n, options in [(f"{n} calls", n, []) for n in CALLS] + [("video", 50, VIDEO)]:
            # rtpgen begins with the same sequence numbers each time, which SRTP takes for a replay: new calls for each.
            f = f"{s.tmp}/srtp"; s.caller.place(n, f, secure=True); a, x = s.relayed("ours", ours, f, options); s.caller.hang_up(keep)
            ids, _ = run_relay.setup(s.ng, "srtp", n, f); b, y = s.relayed("peer", peer, f, options); s.say(f"srtp {name}: {x}; {y}")
            for i in ids: s.ng(command="delete", call_id=i, from_tag="a")
            s.put(f"srtp {name}", ours=a, peer=b)

    # Decisions.

    def policy(s):
        """A decision with its record, and a scan through the same patterns in C, which is given a tenth of a second a size."""
        d = s.tmp + "/policy"; os.makedirs(d, exist_ok=True); bench = os.path.join(os.path.dirname(s.o.tandem), "policybench"); f = {}
        for n in s.sizes:
            files = rules.write(n, d) if not os.path.exists(f"{d}/aliases-{n}") else (f"{d}/patterns-{n}", f"{d}/aliases-{n}")
            run = lambda exe, *more: json.loads(sp.run([exe, *files, "0.15", *more], capture_output=True, text=True, check=True, timeout=120).stdout)
            f[n] = run(bench, f"{d}/forms-{n}"); peer = run(HERE + "/policy/linearscan")
            s.say(f"{n} rules: {f[n]}; linear {peer}")
            if f[n]["found"] * 16 < f[n]["asked"] * 14: raise SystemExit(f"bench: {n} rules: too few aliases found a rule: {f[n]}")
            s.put(f"decide {n}", ours=f[n]["ns"] / 1e3, peer=peer["ns"] / 1e3)
        s.put("scaling", ours=f[s.sizes[-1]]["ns"] / 1e3, peer=f[s.sizes[0]]["ns"] / 1e3)
        for n in s.sizes: s.put(f"decide p99 {n}", ours=f[n]["p99"] / 1e3, peer=f[n]["p50"] / 1e3)
        s.put("compile", ours=f[s.sizes[-1]]["compile_ms"], peer=1); s.put("rule", ours=f[s.sizes[-1]]["bytes_per_rule"], peer=1)

    # Audio.

    def mixing(s):
        """Rooms and transcoders without sockets, each between two encodings of the same speech by libopus alone."""
        bench = os.path.join(os.path.dirname(s.o.tandem), "mixbench")
        out = sp.run([bench, "--rounds", "1", "--seconds", "1" if s.o.quick else "4", "--json"], capture_output=True, text=True, check=True, timeout=120).stdout
        for x in map(json.loads, out.splitlines()): s.put("mix " + x["row"], ours=x["us"], peer=x["floor"]); s.mixes[x["row"]] = x["goal"]

    # Rooms, with sockets and signalling.

    def conferences(s):
        load, speech = HERE + "/conference/roomload", HERE + "/conference/speech.s16"; seconds, warm = (1, 1) if s.o.quick else (4, 1.5)
        for name, (n, talkers, mode, with_peer) in ROOMS.items():
            if s.o.quick and n > 30: continue
            floor = float(sp.run([load, speech, "calibrate"], capture_output=True, text=True, check=True).stdout); f = {}
            servers = {"ours": (s.rooms, s.hall.pids, dict(codec="pcmu" if mode == "pcmu" else "opus"))}
            if with_peer: servers["peer"] = (s.janus, s.janus.pids, {})
            for who, (room, pids, options) in servers.items():
                file = f"{s.tmp}/room-{who}"; room.open(n, file, ROOM_PORTS, **options)
                p = sp.Popen([load, speech, file, str(seconds), "-k", str(talkers), "-m", mode, "-w", str(warm), "-t", "0" if mode == "pcmu" else "111", "-b", str(ROOM_PORTS)], stdout=sp.PIPE, text=True)
                p.stdout.readline(); a, t = cpu.cpu_ns(pids), time.time(); p.stdout.readline(); took = time.time() - t; used = cpu.cpu_ns(pids) - a
                x = json.loads(p.stdout.readline()); p.wait(); room.close(); f[who] = used / 1e3 / took / 50 / n
                s.count("rooms silent", who, x["silent"]); s.say(f"room {name}: {who} {f[who]:.1f} us a party and 20 ms, one encoding {floor:.0f}; {x}")
            s.put(f"room floor {name}", ours=f["ours"], peer=floor)
            if with_peer: s.put(f"room peer {name}", ours=f["ours"], peer=f["peer"])

    # Rest and endurance.

    def idle(s):
        time.sleep(0.5); t = time.time(); pids = dict(ours=s.tandem.pids, peer=s.kamailio.pids + [s.rtpengine.pid])
        before = {w: cpu.cpu_ns(p) for w, p in pids.items()}; time.sleep(s.o.idle_seconds)
        s.once["idle"] = {w: (cpu.cpu_ns(p) - before[w]) / 1e6 / (time.time() - t) for w, p in pids.items()}; s.say(f"idle ms/s: {s.once['idle']}")

    def batch(s, calls):
        x = s.load(s.soak.port, s.o.soak_rate, calls / s.o.soak_rate); s.count("soak lost", "ours", x["lost"] + x["errors"]); return cpu.rss_kb(s.soak.pids)

    def first_batch(s):
        """Warm-up. Finished transactions linger for 32 s (RFC 3261, timers B to J), so a size counts only when as many linger as before."""
        n = s.o.soak_calls
        if s.o.quick: s.soak_sizes = [s.batch(n // 2)]; s.soak_from = time.time()
        else: s.batch(int(s.o.soak_rate * 45)); s.soak_sizes = [cpu.rss_kb(s.soak.pids)]

    def flat_memory(s):
        n, step = s.o.soak_calls, s.o.soak_calls // 2 if s.o.quick else 10_000
        if not s.o.quick: s.soak_sizes = [s.batch(int(s.o.soak_rate * 40))]    # the lingering ones of the first have gone meanwhile
        while step * (len(s.soak_sizes) - 1) < (n // 2 if s.o.quick else n): s.soak_sizes.append(s.batch(step)); s.say(f"size after {step} more calls: {s.soak_sizes[-1]} kB")
        if s.soak.process.poll() is not None: return    # the table says that it has ended
        grown = s.soak_sizes[-1] - s.soak_sizes[0]; calls = step * (len(s.soak_sizes) - 1)
        s.once["growth"] = dict(ours=grown / calls * 1000, calls=n, sizes=s.soak_sizes)

    # The table.

    def table(s):
        rows = []
        def row(name, ours, peer, ratio, goal, met): rows.append(dict(name=name, ours=ours, peer=peer, ratio=ratio, goal=goal, met=met))
        def ratio(key, name, goal):
            v = s.rounds.get(key)
            if not v: return
            q = st.median(x["ours"] / x["peer"] for x in v); row(name, st.median(x["ours"] for x in v), st.median(x["peer"] for x in v), q, f"<= {goal:.2f}" if goal else "", q <= goal if goal else None)
        spread = max(s.noise) / min(s.noise)
        row("fixed work, ms of CPU (ratio: slowest round / fastest)", st.median(s.noise), None, spread, f"<= {GOAL['noise']:.2f}", spread <= GOAL["noise"])
        ratio("cpu", f"CPU per call, {s.o.rate} calls/s, us / Kamailio", GOAL["cpu"])
        if "faults" in s.counts: f = s.counts["faults"]; row("answers lost, late, repeated, 180s overtaken / Kamailio", f["ours"], f["peer"], None, "0", f["ours"] == 0)
        for q in ("p50", "p99"): ratio(q, f"INVITE to 200, added, {q}, us / Kamailio", GOAL["latency"])
        cases = [f"{n} calls" for n in CALLS] + ["video"]
        for c in cases: ratio(f"rtp {c}", f"RTP packet, {c}, us / rtpengine", GOAL["rtp"])
        for c in cases: ratio(f"floor {c}", f"RTP packet, {c}, us / bare C relay", None)
        for c in cases: ratio(f"srtp {c}", f"SRTP to RTP packet, {c}, us / rtpengine", GOAL["srtp"])
        for n in s.sizes: ratio(f"decide {n}", f"decision, {n:,} rules, us / linear PCRE2-JIT scan in C", GOAL["linear"] if n == s.sizes[-1] else None)
        ratio("scaling", f"decision, {s.sizes[-1]:,} rules, us / {s.sizes[0]} rules", GOAL["scaling"])
        for n in s.sizes:
            v = s.rounds.get(f"decide p99 {n}")
            if v: m = st.median(x["ours"] for x in v); row(f"decision, {n:,} rules, p99, us (peer: p50)", m, st.median(x["peer"] for x in v), None, f"<= {GOAL['p99']:g} us", m <= GOAL["p99"])
        for key, name, unit in (("compile", "compiled and ready, ms", "ms"), ("rule", "memory a rule beyond its pattern", "bytes")):
            v = s.rounds.get(key)
            if v: m = st.median(x["ours"] for x in v); row(f"{s.sizes[-1]:,} rules: {name}", m, None, None, f"<= {GOAL[key]:g} {unit}", m <= GOAL[key])
        for name, goal in s.mixes.items(): ratio("mix " + name, f"{name}, us a party and 20 ms / one encoding", goal)
        for name in ROOMS:
            goal = lambda kind: ROOM_GOALS[name][1] if ROOM_GOALS.get(name, ("",))[0] == kind else None
            ratio(f"room peer {name}", f"room, {name}, us a party and 20 ms / Janus", goal("peer")); ratio(f"room floor {name}", f"room, {name}, us / one Opus encoding", goal("floor"))
        if "rooms silent" in s.counts: f = s.counts["rooms silent"]; row("participants who heard nothing / Janus", f["ours"], f.get("peer"), None, "0", f["ours"] == 0)
        s.gathering_rows(row, ratio, st.median)
        if "packets lost" in s.counts:
            f = s.counts["packets lost"]; bad = s.counts["bad"]
            row("packets lost or failing authentication / rtpengine", f["ours"] + bad["ours"], f["peer"] + bad["peer"], None, "0", f["ours"] + bad["ours"] == 0)
        if "memory" in s.once: m = s.once["memory"]; q = m["ours"] / m["peer"]; row("memory per relayed call, kB / rtpengine", m["ours"], m["peer"], q, f"<= {GOAL['memory']:.2f}", q <= GOAL["memory"])
        if "idle" in s.once: m = s.once["idle"]; row("idle, ms of CPU per s / Kamailio and rtpengine", m["ours"], m["peer"], None, f"<= {GOAL['idle']:g} ms", m["ours"] <= GOAL["idle"])
        if "growth" in s.once: m = s.once["growth"]; row(f"growth over {m['calls']:,} calls, kB per 1,000" + (" (too few to tell)" if s.o.quick else ""), m["ours"], None, None, f"<= {GOAL['growth']:g} kB", None if s.o.quick else m["ours"] <= GOAL["growth"])
        if "soak lost" in s.counts: f = s.counts["soak lost"]; row("calls failed of these", f["ours"], None, None, "0", f["ours"] == 0)
        if s.ended: row("servers that ended by themselves: " + ", ".join(map(os.path.basename, s.ended)), len(s.ended), None, None, "0", False)
        return rows


def show(rows):
    number = lambda v: "" if v is None else f"{v:,}" if isinstance(v, int) else f"{v:,.0f}" if abs(v) >= 100 else f"{v:.2f}"
    cells = [["", "ours", "peer", "ratio", "goal", "met"]] + [
        [r["name"], number(r["ours"]), number(r["peer"]), "" if r["ratio"] is None else f"{r['ratio']:.2f}" if r["ratio"] >= 0.01 else f"{r['ratio']:.1g}", r["goal"], "" if r["met"] is None else "yes" if r["met"] else "NO"] for r in rows]
    width = [max(len(c[i]) for c in cells) for i in range(6)]
    for c in cells: print("  ".join(x.ljust(w) if i in (0, 4, 5) else x.rjust(w) for i, (x, w) in enumerate(zip(c, width))).rstrip())


def main():
    a = argparse.ArgumentParser(prog="run", description=__doc__)
    a.add_argument("--quick", action="store_true", help="a shorter run of the same, two minutes"); a.add_argument("--json", help="file for all figures")
    a.add_argument("--tandem", default=HERE + "/../.build/release/tandem"); a.add_argument("--only", default="", help="of sip, relay, memory, policy, transcode, mix, rooms, delay, joins, empty, soak")
    a.add_argument("--rounds", type=int); a.add_argument("--rate", type=int, default=300, help="calls per second"); a.add_argument("--verbose", "-v", action="store_true")
    a.add_argument("--keep", action="store_true", help="leave logs, policies and records behind"); a.add_argument("--sip-seconds", type=float)
    a.add_argument("--before-others", action="store_true", help="run servers, peers and generators before all other programs of this machine (SCHED_RR; as root)"); o = a.parse_args()
    if o.before_others and not cpu.before_others(1): a.error("--before-others is not allowed here")
    standard = dict(rounds=1, sip_seconds=2, relay_seconds=0.6, warm=0.5, idle_seconds=1.5, soak_calls=5_000, soak_rate=900) if o.quick else \
        dict(rounds=5, sip_seconds=4, relay_seconds=1.5, warm=1.2, idle_seconds=5, soak_calls=100_000, soak_rate=1000)
    for k, v in standard.items():
        if getattr(o, k, None) is None: setattr(o, k, v)
    def out_of_time(*_): raise SystemExit("bench: out of time")
    signal.signal(signal.SIGALRM, out_of_time); signal.signal(signal.SIGTERM, lambda *_: sys.exit(143)); signal.alarm(240 if o.quick else 2700)
    b = Bench(o)
    try:
        busy = cpu.host_cpu(); b.run(); rows = b.table(); show(rows)
        print(f"\n{time.strftime('%F %R')}, {os.cpu_count()} CPUs, {processor()}, Linux {platform.release()}; host {cpu.host_delta(busy, cpu.host_cpu())['busy_pct']:.0f} % busy; {o.rounds} rounds in {time.time() - b.began:.0f} s{', all before other programs' if o.before_others else ''}")
        if o.json:
            with open(o.json, "w") as f: json.dump(dict(date=time.strftime("%FT%T%z"), processor=processor(), rows=rows, rounds=b.rounds, once=b.once, counts=b.counts, fixed_work_ms=b.noise), f, indent=1)
    finally: b.end()


def processor():
    with open("/proc/cpuinfo") as f: return next((l.split(":")[1].strip() for l in f if l.startswith("model name")), platform.machine())


if __name__ == "__main__": main()
