"""Janus' AudioBridge with participants over plain RTP, driven through its HTTP interface, all on 127.0.0.1."""
import json, os, random, subprocess as sp, time, urllib.request
from servers import stop

URL = "http://127.0.0.1:18088/janus"
LIBRARIES = "/usr/lib/x86_64-linux-gnu/janus"
IDLE_PLUGINS = "duktape echotest lua nosip recordplay sip streaming textroom videocall videoroom voicemail".split()
IDLE_TRANSPORTS = "mqtt nanomsg pfunix rabbitmq websockets".split()


def post(path, **message):
    message.setdefault("transaction", "%x" % random.getrandbits(48))
    request = urllib.request.Request(URL + path, json.dumps(message).encode(), {"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request, timeout=10))


class Janus:
    """One server; what is open is closed before anything else is opened."""
    def __init__(s, tmp):
        d = s.directory = f"{tmp}/janus"; os.makedirs(d)
        listed = lambda names: ",".join(f"libjanus_{x}.so" for x in names)
        def write(name, text):
            with open(f"{d}/janus{name}.jcfg", "w") as f: f.write(text)
        write("", f'''general: {{ configs_folder = "{d}" plugins_folder = "{LIBRARIES}/plugins" transports_folder = "{LIBRARIES}/transports"
  events_folder = "{LIBRARIES}/events" loggers_folder = "{LIBRARIES}/loggers" debug_level = 3 interface = "127.0.0.1" session_timeout = 0 }}
media: {{ rtp_port_range = "7000-9999" }}
nat: {{ nice_debug = false }}
plugins: {{ disable = "{listed(IDLE_PLUGINS)}" }}
transports: {{ disable = "{listed(IDLE_TRANSPORTS)}" }}
loggers: {{ disable = "libjanus_jsonlog.so" }}
events: {{ broadcast = false }}
''')
        write(".plugin.audiobridge", 'general: { events = false local_ip = "127.0.0.1" rtp_port_range = "7000-9999" }\n')
        write(".transport.http", 'general: { json = "compact" base_path = "/janus" http = true port = 18088 ip = "127.0.0.1" https = false }\n'
              'admin: { admin_http = false admin_https = false }\n')
        s.process = sp.Popen(["janus", "-F", d, "-N", "-i", "127.0.0.1"], stdout=open(d + "/out", "w"), stderr=sp.STDOUT, cwd=d)
        for _ in range(50):
            time.sleep(0.2)
            try: urllib.request.urlopen(URL + "/info", timeout=2).read(); return
            except OSError: pass
        stop(s.process); raise SystemExit("janus: " + open(d + "/out").read()[-1500:])
    @property
    def pids(s): return [s.process.pid]

    def _tell(s, handle, **body):
        transaction = "%x" % random.getrandbits(48)
        answer = post(f"/{s.session}/{handle}", transaction=transaction, janus="message", body=body)
        if answer.get("janus") == "success": return answer["plugindata"]["data"]
        for _ in range(2000):    # each join is told to all who are there already: those events come out of the same pipe
            events = json.load(urllib.request.urlopen(f"{URL}/{s.session}?maxev=100", timeout=35))
            for e in events if isinstance(events, list) else [events]:
                if e.get("sender") == handle and e.get("transaction") == transaction: return e["plugindata"]["data"]
        raise RuntimeError(answer)

    def _attach(s): return post(f"/{s.session}", janus="attach", plugin="janus.plugin.audiobridge")["data"]["id"]

    def _create(s):
        room = random.randrange(1 << 30)
        # Complexity 5, the calibration's, on both sides of the comparison.
        created = s._tell(s.owner, request="create", room=room, sampling_rate=48000, allow_rtp_participants=True, audiolevel_ext=False,
                          audiolevel_event=False, default_bitrate=32000, record=False)
        if created.get("audiobridge") != "created": raise RuntimeError(created)
        s.rooms.append(room); return room

    def _join(s, room, port, payload_type, **more):
        joined = s._tell(s._attach(), request="join", room=room, display=f"p{port}", muted=False, quality=5, bitrate=32000, expected_loss=0,
                         rtp=dict(ip="127.0.0.1", port=port, payload_type=payload_type, fec=False), **more)
        return joined["rtp"]["port"]

    def _begin(s): s.session = post("", janus="create")["data"]["id"]; s.rooms = []; s.owner = s._attach()

    def open(s, count, destinations, base, payload_type=111):
        """A room with `count` participants at the ports from `base` on; writes where each of them is to send."""
        s._begin(); room = s._create()
        with open(destinations, "w") as f: f.writelines(f"{s._join(room, base + 2 * i, payload_type)}\n" for i in range(count))

    def open_pairs(s, count, file, ports):
        """Rooms with two participants each, in G.711, with media at the two `ports`; writes a line a pair, as `delay` reads it."""
        s._begin()
        with open(file, "w") as f:
            for _ in range(count): room = s._create(); f.write(" ".join(str(s._join(room, p, 0, codec="pcmu")) for p in ports) + "\n")

    def open_empty(s, count):
        s._begin()
        for _ in range(count): s._create()

    def close(s):
        for room in s.rooms: s._tell(s.owner, request="destroy", room=room)
        post(f"/{s.session}", janus="destroy")
