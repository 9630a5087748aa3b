"""What `bench.py` measures of conferences and transcoding beside the cost of rooms: joins, delay, empty conferences, calls between G.711 and Opus."""
import json, os, re, subprocess as sp, time
import cpu, run_relay
from calls import MEDIA
from rooms import Rooms
from servers import Tandem

HERE = os.path.dirname(os.path.abspath(__file__))
SPEECH = HERE + "/speech.s16"
ROOMS, PAIRS, OLD = 20, 16, 10
HELD = 10.0                                              # ms that a jitter buffer holds at least: the goal is for what comes on top
SETTLING = 10.0                                          # seconds until a jitter buffer has forgotten what it began with
TRANSCODED, MANY_TRANSCODED = 20, 100                     # beside rtpengine, which needs five times as much; and beside libopus
JANUS_ROOMS = 100                                        # each has a thread that wakes 200 times a second
GOAL = dict(transcode=0.45, floor=1.15, missed=0.1, delay=40.0, empty=5.0)


class Gatherings:
    """Rows of Bench: uses its options, servers and `put`, `count`, `say`."""

    def start_crowd(s):
        """A server with every room that is needed here, on an address of its own: five thousand parties need as many ports."""
        o = s.o; s.many = 500 if o.quick else 5_000
        names = [f"crowd{i}" for i in range(ROOMS)] + [f"pair{i}" for i in range(PAIRS)] + [f"empty{i}" for i in range(s.many)]
        s.crowd = s.keep(Tandem(o.tandem, s.tmp, 15064, "10000-64999", "127.0.0.2", names)); s.pairs = Rooms(s.crowd.port)

    # Joining.

    def joins(s):
        joins, rate = (300, 100) if s.o.quick else (1_000, 100)
        p = sp.Popen([HERE + "/joinload", str(s.crowd.port), SPEECH, "crowd", str(ROOMS), str(OLD), str(joins), str(rate)], stdout=sp.PIPE, text=True, preexec_fn=cpu.before_others)
        p.stdout.readline(); used, host = cpu.cpu_ns(s.crowd.pids), cpu.host_cpu(); p.stdout.readline(); x = json.loads(p.stdout.readline()); p.wait()
        x["core_pct"] = (cpu.cpu_ns(s.crowd.pids) - used) / 1e7 / x["seconds"]; x["host_busy"] = cpu.host_delta(host, cpu.host_cpu())["busy_pct"]; s.say(f"joins: {x}")
        old = x["old"]; missed = old["missing"] + old["skipped"] + old["late"]
        for name in ("answer", "audio"):
            for q in ("p50", "p99"): s.put(f"join {name} {q}", ours=x[f"{name}_ms"][q], peer=1)
        s.put("join missed", ours=100 * missed / old["expected"], peer=100 * x["witness"]["late"] / x["witness"]["ticks"])    # what the machine does to anybody
        s.count("join failures", "ours", x["failed"] + x["silent"] + x["not_up_before"] + x["ended_by_server"]); s.joined = joins, rate

    # Delay.

    def delay(s, name, file, a, b, host="127.0.0.1", warm=1.6, seconds=None):
        seconds = seconds or (3 if s.o.quick else 6)
        x = json.loads(sp.run([HERE + "/delay", file, str(seconds), a, b, host, str(warm)], capture_output=True, text=True, check=True, timeout=60, preexec_fn=cpu.before_others).stdout)
        s.say(f"delay {name}: {x}"); s.count("sounds unheard", "peer" if "Janus" in name else "ours", x["sounds"] - x["heard"]); return x

    def delays(s):
        """Of a mix in the first seconds, and once its jitter buffers know their streams, ten seconds later."""
        file = s.tmp + "/pairs"; names = [f"pair{i}" for i in range(PAIRS)]; s.pairs.open_pairs(PAIRS, file, MEDIA, names); time.sleep(0.2)
        ours = s.delay("mix", file, "pcmu", "pcmu", "127.0.0.2", SETTLING); s.pairs.close(); s.pairs.open_pairs(PAIRS, file, MEDIA, names); time.sleep(0.2)
        early = s.delay("mix at first", file, "pcmu", "pcmu", "127.0.0.2", 0.4, 3); s.pairs.close()
        s.janus.open_pairs(PAIRS, file, MEDIA); peer = s.delay("mix of Janus", file, "pcmu", "pcmu", warm=SETTLING if not s.o.quick else 1.6); s.janus.close()
        for q in ("p50", "p99"): s.put(f"delay mix {q}", ours=ours[q], peer=peer[q]); s.put(f"delay mix, first 3 s {q}", ours=early[q], peer=1)
        if not s.wants("transcode"): return
        keep = len(s.caller.dialogs)
        for a, b, name in (("pcmu", "opus", "G.711 to Opus"), ("opus", "pcmu", "Opus to G.711")):
            s.caller.place(PAIRS, file, transcoded=True)
            if a == "opus": s.turn_round(file)
            f = s.delay(name, file, a, b); s.caller.hang_up(keep)
            for q in ("p50", "p99"): s.put(f"delay {name} {q}", ours=f[q], peer=1)

    def turn_round(s, file):
        """Side B, which takes Opus, becomes the one that the generator calls A."""
        with open(file) as f: lines = [x.split() for x in f]
        with open(file, "w") as f: f.writelines(f"{b} {a}\n" for a, b in lines)

    # Transcoding.

    def transcoding(s):
        """Gateway calls from one who knows G.711 alone to one who takes Opus, and the same through rtpengine: CPU of a packet."""
        file, mulaw, opus = (s.tmp + x for x in ("/transcoded", "/speech.ul", "/speech.opus")); there = ["-P", mulaw, "-1"]
        if not os.path.exists(mulaw): sp.run([HERE + "/roomload", SPEECH, "payloads", mulaw, opus], check=True)
        back = lambda payload_type: ["-P", opus, "-1", "-p", "80", "-s", "960", "-y", str(payload_type), "-a", str(MEDIA[1]), "-b", str(MEDIA[0])]
        floor = json.loads(sp.run([HERE + "/roomload", SPEECH, "transcode"], capture_output=True, text=True, check=True).stdout)
        keep = len(s.caller.dialogs); s.caller.place(TRANSCODED, file, transcoded=True); ours = {}
        ours["there"] = s.transcoded("ours", s.tandem.pids, file, there); s.turn_round(file)
        ours["back"] = s.transcoded("ours", s.tandem.pids, file, back(s.caller.opus)); s.caller.hang_up(keep)
        s.caller.place(MANY_TRANSCODED, file, transcoded=True); many = {"there": s.transcoded("ours", s.tandem.pids, file, there)}; s.turn_round(file)
        many["back"] = s.transcoded("ours", s.tandem.pids, file, back(s.caller.opus)); s.caller.hang_up(keep)
        ids, number = s.transcoding_peer(TRANSCODED, file); x = s.transcoded("peer", [s.rtpengine.pid], file, there); s.turn_round(file)
        y = s.transcoded("peer", [s.rtpengine.pid], file, back(number))
        for i in ids: s.ng(command="delete", call_id=i, from_tag="a")
        # Its encoder works at libopus' default complexity, 10, which cannot be set: what that costs more than 5 comes off.
        five, ten = (float(sp.run([HERE + "/roomload", SPEECH, "calibrate", c], capture_output=True, text=True, check=True).stdout) for c in ("5", "10"))
        s.put("transcode there rtpengine", ours=ours["there"], peer=x); s.put("transcode there five", ours=ours["there"], peer=x - (ten - five)); s.put("transcode back rtpengine", ours=ours["back"], peer=y)
        for way in ("there", "back"): s.put(f"transcode {way} floor", ours=many[way], peer=floor[way])
        s.say(f"transcoding: ours {ours}, libopus alone {floor}")

    def transcoded(s, who, pids, file, options):
        x = run_relay.measure(pids, ["-d", str(s.o.relay_seconds), "-w", str(s.o.warm), *options], file); lost = x["sent"] - x["recv"]
        s.count("transcoded lost", who, max(0, lost)); s.say(f"transcoded {who}: {x['us_per_pkt']} us a packet, {lost} of {x['sent']} lost"); return x["us_per_pkt"]

    def transcoding_peer(s, count, file):
        ids, number = [], None
        with open(file, "w") as f:
            for i in range(count):
                base = dict(call_id=f"t{i}-{os.urandom(6).hex()}", replace=["origin", "session-connection"], ICE="remove", rtcp_mux=["demux"], flags=["trust-address"]); ids.append(base["call_id"])
                offered = s.ng(command="offer", from_tag="a", sdp=run_relay.sdp(MEDIA[0], "RTP/AVP"), codec=dict(transcode=["opus"], mask=["PCMU"]), **base)["sdp"].decode()
                number = re.search(r"rtpmap:(\d+) opus", offered)[1]; at_b = re.search(r"m=audio (\d+)", offered)[1]
                answer = run_relay.sdp(MEDIA[1], "RTP/AVP", pts=number).replace("rtpmap:111", f"rtpmap:{number}")
                at_a = run_relay.parse(s.ng(command="answer", from_tag="a", to_tag="b", sdp=answer, **base)["sdp"])[0]; f.write(f"{at_a} {at_b}\n")
        return ids, number

    # Nothing to do.

    def at_rest(s, pids, seconds):
        a, t = cpu.cpu_ns(pids), time.time(); time.sleep(seconds); return (cpu.cpu_ns(pids) - a) / 1e6 / (time.time() - t)

    def empty(s):
        """Conferences that are there and in which nothing happens.

        One ends with its last party, so nobody can be nowhere: rooms of the policy with nobody in them; and conferences with one
        party each, on hold. `pausing`: a party that had sent what an encoder sends in a pause.
        """
        seconds = 2 if s.o.quick else 5; time.sleep(2); pids = s.crowd.pids; s.once["empty rooms"] = dict(ours=s.at_rest(pids, seconds))
        for kind, n in (("mute", s.many), ("pausing", s.many // 5)):
            before = cpu.rss_kb(pids); p = sp.Popen([HERE + "/joinload", str(s.crowd.port), kind, "empty", str(n), "hold", "200"], stdin=sp.PIPE, stdout=sp.PIPE, text=True)
            x = json.loads(p.stdout.readline()); time.sleep(1); ms = s.at_rest(pids, seconds); grown = cpu.rss_kb(pids) - before; p.stdin.close(); p.wait(); time.sleep(1)
            s.once[f"held {kind}"] = dict(ours=ms, conferences=x["up"], kB=grown / max(1, x["up"])); s.count("held refused", "ours", x["failed"])
            s.say(f"{x['up']} conferences, {kind}: {ms:.2f} ms/s, {grown / max(1, x['up']):.0f} kB each; {x}")
        before = s.at_rest(s.janus.pids, 1); s.janus.open_empty(JANUS_ROOMS); time.sleep(0.5); s.once["janus rooms"] = dict(peer=s.at_rest(s.janus.pids, seconds) - before); s.janus.close()
        s.say(f"Janus, {JANUS_ROOMS} rooms: {s.once['janus rooms']}")

    # The table.

    def gathering_rows(s, row, ratio, median):
        ratio("transcode there rtpengine", f"G.711 to Opus in {TRANSCODED} calls, us a packet / rtpengine", None)
        ratio("transcode there five", "the same / rtpengine less what complexity 10 costs", GOAL["transcode"])
        ratio("transcode there floor", f"G.711 to Opus in {MANY_TRANSCODED} calls, us a packet / libopus alone", GOAL["floor"])
        ratio("transcode back rtpengine", f"Opus to G.711 in {TRANSCODED} calls, us a packet / rtpengine", None)
        ratio("transcode back floor", f"Opus to G.711 in {MANY_TRANSCODED} calls, us a packet / libopus alone", None)
        if "transcoded lost" in s.counts: f = s.counts["transcoded lost"]; row("transcoded packets lost / rtpengine", f["ours"], f["peer"], None, "0", f["ours"] == 0)
        for way, name in (("mix", "a mix"), ("mix, first 3 s", "a mix in its first 3 s"), ("G.711 to Opus", "a G.711 to Opus call"), ("Opus to G.711", "an Opus to G.711 call")):
            for q in ("p50", "p99"):
                v = s.rounds.get(f"delay {way} {q}")
                if not v: continue
                m = median(x["ours"] for x in v); peer = median(x["peer"] for x in v) if way == "mix" else None
                row(f"a sound through {name}, {q}, ms" + (" / Janus" if peer else ""), m, peer, None, *(("< 40 + 10 ms" if way == "mix" else "< 40 ms", m < GOAL["delay"] + (HELD if way == "mix" else 0)) if q == "p99" and "first" not in way else ("", None)))
        if "sounds unheard" in s.counts: f = s.counts["sounds unheard"]; row("sounds that did not come through / Janus", f["ours"], f.get("peer"), None, "0", f["ours"] == 0)
        if "join missed" in s.rounds:
            n, rate = s.joined
            for key, name in (("answer", "INVITE to 200"), ("audio", "INVITE to first mixed audio")):
                for q in ("p50", "p99"): row(f"{n:,} joins, {rate}/s, {name}, {q}, ms", median(x["ours"] for x in s.rounds[f"join {key} {q}"]), None, None, "", None)
            f = s.counts["join failures"]; row("of these refused, ended, or nothing heard", f["ours"], None, None, "0", f["ours"] == 0)
            v = s.rounds["join missed"]; m = median(x["ours"] for x in v)
            row(f"20 ms missed of {OLD} who talk meanwhile, % (peer: a bare loop)", m, median(x["peer"] for x in v), None, f"<= {GOAL['missed']:g} %", m <= GOAL["missed"])
        if "empty rooms" in s.once:
            x = s.once["empty rooms"]["ours"]; row(f"{s.many:,} rooms, nobody in them, ms of CPU per s", x, None, None, f"<= {GOAL['empty']:g} ms", x <= GOAL["empty"])
            janus = s.once["janus rooms"]["peer"] * 1e3 / JANUS_ROOMS
            for kind, name in (("mute", "one party on hold each"), ("pausing", "the party paused before")):
                x = s.once[f"held {kind}"]; n, each = x["conferences"], x["ours"] * 1e3 / max(1, x["conferences"])
                is_all = kind == "mute"; row(f"{n:,} conferences, {name}, ms of CPU per s", x["ours"], None, None, f"<= {GOAL['empty']:g} ms" if is_all else "", x["ours"] <= GOAL["empty"] if is_all else None)
                row(f"of these each, us of CPU per s / Janus with {JANUS_ROOMS} empty rooms", each, janus, each / janus if janus > 0 else None, "", None)
            row("memory of such a conference, kB", s.once["held mute"]["kB"], None, None, "", None)
            f = s.counts["held refused"]; row("of these conferences refused", f["ours"], None, None, "0", f["ours"] == 0)
