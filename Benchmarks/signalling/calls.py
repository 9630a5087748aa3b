"""Sets up calls through a SIP server, so that rtpgen can load the media that the server relays for them.

A small UAC and UAS in one: one call at a time, on UDP, with fixed media ports 20001 (caller) and 20002 (called).
"""
import base64, os, re, socket

UAS, MEDIA = ("127.0.0.1", 15071), (20001, 20002)


def sdp(port, key=None, opus=None):
    """`opus`: its payload type, in the place of G.711."""
    crypto = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}\r\n" if key else ""; codec = f"{opus}\r\na=rtpmap:{opus} opus/48000/2" if opus else "0\r\na=rtpmap:0 PCMU/8000"
    return (f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/{'S' if key else ''}AVP {codec}\r\n"
            f"{crypto}a=ptime:20\r\na=sendrecv\r\n")


def header(message, name): return re.search(rf"^{name}: *(.*?)\r$", message, re.M | re.I)[1]
def media_port(message): return int(re.search(r"^m=audio (\d+)", message, re.M)[1])


class Caller:
    """Places calls to `media1@` at a server on 127.0.0.1:`port`, and answers them."""
    def __init__(s, port):
        s.server = ("127.0.0.1", port); s.number = 0; s.dialogs = []
        s.a, s.b = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in "ab")
        s.a.bind(("127.0.0.1", 0)); s.b.bind(UAS); s.local = s.a.getsockname()[1]
        for x in (s.a, s.b): x.settimeout(5)
    def close(s): s.a.close(); s.b.close()

    def place(s, count, file, secure=False, mode="w", transcoded=False):
        """`count` calls; writes one line each: where side A and side B send, and side A's keys.

        `transcoded`: the caller knows G.711 alone, and the called party takes Opus, under the payload type `s.opus`.
        """
        with open(file, mode) as f:
            for _ in range(count): f.write(s._place(secure, transcoded) + "\n")

    def _request(s, method, number, target, to, cseq, extra="", body=""):
        s.a.sendto((f"{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{s.local};branch=z9hG4bK{os.urandom(8).hex()}\r\nMax-Forwards: 70\r\n"
                    f"From: <sip:ann@example.net>;tag=a{number}\r\nTo: {to}\r\nCall-ID: {number}@relay.bench\r\nCSeq: {cseq} {method}\r\n"
                    f"Contact: <sip:ann@127.0.0.1:{s.local}>\r\n{extra}Content-Length: {len(body)}\r\n\r\n{body}").encode(), s.server)

    def _answer(s, request, source, body=""):
        vias = "".join(f"Via: {v}\r\n" for v in re.findall(r"^Via: *(.*?)\r$", request, re.M | re.I)); to = header(request, "To")
        if "tag=" not in to: to += ";tag=b"
        s.b.sendto((f"SIP/2.0 200 OK\r\n{vias}From: {header(request, 'From')}\r\nTo: {to}\r\nCall-ID: {header(request, 'Call-ID')}\r\n"
                    f"CSeq: {header(request, 'CSeq')}\r\nContact: <sip:bob@127.0.0.1:{UAS[1]}>\r\n"
                    + ("Content-Type: application/sdp\r\n" if body else "") + f"Content-Length: {len(body)}\r\n\r\n{body}").encode(), source)

    def _receive(s, sock, start):
        while True:
            m, source = sock.recvfrom(65536); m = m.decode()
            if m.startswith(start): return m, source
            if m.startswith("SIP/2.0") and m[8] > "2": raise RuntimeError(m.split("\r\n")[0])

    def _place(s, secure, transcoded):
        s.number += 1; n = f"{s.number}-{os.getpid()}"; to = f"<sip:media1@127.0.0.1:{s.server[1]}>"
        key = base64.b64encode(os.urandom(30)).decode() if secure else None
        s._request("INVITE", n, to[1:-1], to, 1, "Content-Type: application/sdp\r\n", sdp(MEDIA[0], key))
        invite, source = s._receive(s.b, "INVITE")
        if transcoded: s.opus = int(re.search(r"^a=rtpmap:(\d+) opus/48000", invite, re.M | re.I)[1])
        s._answer(invite, source, sdp(MEDIA[1], opus=s.opus if transcoded else None))
        ok, _ = s._receive(s.a, "SIP/2.0 200"); target = re.search("<(.*)>", header(ok, "Contact"))[1]
        s._request("ACK", n, target, header(ok, "To"), 1); s._receive(s.b, "ACK")
        s.dialogs.append((n, target, header(ok, "To")))
        line = f"{media_port(ok)} {media_port(invite)}"
        if secure: line += f" {key} {re.search(r'HMAC_SHA1_80 inline:([A-Za-z0-9+/=]+)', ok)[1]}"
        return line

    def hang_up(s, keep=0):
        """Ends all calls but the first `keep`."""
        while len(s.dialogs) > keep:
            n, target, to = s.dialogs.pop(); s._request("BYE", n, target, to, 2)
            bye, source = s._receive(s.b, "BYE"); s._answer(bye, source); s._receive(s.a, "SIP/2.0 200")
