"""Puts SIP participants into a meeting room of Tandem's, so that roomload can speak for them."""
import os, re, socket

CODECS = dict(opus="111\r\na=rtpmap:111 opus/48000/2", pcmu="0\r\na=rtpmap:0 PCMU/8000")


class Rooms:
    """A SIP client for many participants at once, on one UDP port."""
    def __init__(s, port):
        s.server = ("127.0.0.1", port); s.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.socket.bind(("127.0.0.1", 0))
        s.socket.settimeout(5); s.local = s.socket.getsockname()[1]; s.number = 0; s.dialogs = []

    def _send(s, method, call, cseq, target, to, extra="", body=""):
        s.socket.sendto((f"{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{s.local};branch=z9hG4bK{os.urandom(8).hex()}\r\nMax-Forwards: 70\r\n"
                         f"From: <sip:p{call}@example.net>;tag=a{call}\r\nTo: {to}\r\nCall-ID: {call}@room.bench\r\nCSeq: {cseq} {method}\r\n"
                         f"Contact: <sip:p{call}@127.0.0.1:{s.local}>\r\n{extra}Content-Length: {len(body)}\r\n\r\n{body}").encode(), s.server)

    def _final(s, method):
        while True:
            m = s.socket.recv(65536).decode()
            if not m.startswith("SIP/2.0") or not re.search(rf"^CSeq: *\d+ {method}\r$", m, re.M | re.I): continue
            if m[8] == "1": continue
            if m[8] != "2": raise RuntimeError(m.split("\r\n")[0])
            return m

    def join(s, port, room="room", codec="opus"):
        """One call to the room, with its media at `port`; returns the port where it is to send."""
        to = f"<sip:{room}@127.0.0.1:{s.server[1]}>"; s.number += 1; call = f"{s.number}-{os.getpid()}"
        sdp = (f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP {CODECS[codec]}\r\n"
               "a=ptime:20\r\na=sendrecv\r\n")
        s._send("INVITE", call, 1, to[1:-1], to, "Content-Type: application/sdp\r\n", sdp)
        ok = s._final("INVITE"); target = re.search(r"^Contact: *<(.*?)>", ok, re.M | re.I)[1]; remote = re.search(r"^To: *(.*?)\r$", ok, re.M | re.I)[1]
        s._send("ACK", call, 1, target, remote); s.dialogs.append((call, target, remote))
        return int(re.search(r"^m=audio (\d+)", ok, re.M)[1])

    def open(s, count, destinations, base, room="room", codec="opus"):
        """`count` calls to the room, with media at the ports from `base` on; writes where each of them is to send."""
        ports = [s.join(base + 2 * i, room, codec) for i in range(count)]
        with open(destinations, "w") as f: f.writelines(f"{p}\n" for p in ports)

    def open_pairs(s, count, file, ports, rooms, codec="pcmu"):
        """Two parties in each of `rooms`, with media at the two `ports`; writes a line a pair, as `delay` reads it."""
        with open(file, "w") as f:
            for i in range(count): f.write(f"{s.join(ports[0], rooms[i], codec)} {s.join(ports[1], rooms[i], codec)}\n")

    def close(s):
        while s.dialogs:
            call, target, to = s.dialogs.pop(); s._send("BYE", call, 2, target, to); s._final("BYE")
