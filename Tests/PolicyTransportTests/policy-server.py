#!/usr/bin/env python3
"""A policy server that misbehaves on demand: the first part of the path says how.

usage: policy-server.py PORT [CERTIFICATE ...]

Listens on PORT (0: any) for HTTP, and for HTTPS once for each CERTIFICATE (a path without .pem and .key). Prints its
ports on one line and serves until it is killed, or whoever started it has ended. Each request is counted; /stats tells how many came for each behaviour, and what the last one carried.
"""
import json
import os
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler

VALID = {"status": "success", "action": "continue", "result": {
    "service_type": "gateway", "name": "desk", "service_tag": "d", "local_alias": "sip:a@example.org",
    "remote_alias": "sip:b@example.org", "outgoing_protocol": "sip"}}
counts, last, lock = {}, {}, threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, body, status=200, content_type="application/json", **headers):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def raw(self, data):
        self.wfile.write(data)
        self.wfile.flush()

    def end(self, reset=False):
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close() if reset else None

    def do_CONNECT(self):
        """The proxy: refuses hosts that begin with `no`, relays to the others."""
        host, _, port = self.path.rpartition(":")
        with lock:
            counts["CONNECT"] = counts.get("CONNECT", 0) + 1
        if host.startswith("no"):
            self.answer(b"", 407)
            return
        upstream = socket.create_connection(("127.0.0.1", int(port)))
        self.raw(b"HTTP/1.1 200 Connection established\r\n\r\n")

        def pump(source, target):
            try:
                while data := source.recv(65536):
                    target.sendall(data)
            except OSError:
                pass
            finally:
                for end in (source, target):
                    try:
                        end.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass

        threading.Thread(target=pump, args=(upstream, self.connection), daemon=True).start()
        pump(self.connection, upstream)
        self.close_connection = True

    def do_GET(self):
        behaviour = self.path.split("/")[1]
        with lock:
            counts[behaviour] = counts.get(behaviour, 0) + 1
            if behaviour not in ("stats", "wait"):
                last.update(line=self.requestline, headers={k.lower(): v for k, v in self.headers.items()},
                            peer=self.client_address[1])
        method = getattr(self, "be_" + behaviour.replace("-", "_"), None)
        if method:
            method()
        else:
            self.answer(b"{}", 404)

    # How to behave.

    def be_ok(self):
        self.answer(VALID)

    def be_stats(self):
        self.answer({"counts": counts, "last": last})

    def be_bom(self):
        self.answer(b"\xef\xbb\xbf" + json.dumps(VALID).encode(), content_type="text/html")

    def be_chunked(self):
        body = json.dumps(VALID).encode()
        self.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for i in range(0, len(body), 7):
            part = body[i:i + 7]
            self.raw(b"%x\r\n%s\r\n" % (len(part), part))
        self.raw(b"0\r\n\r\n")

    def be_until_close(self):
        self.raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + json.dumps(VALID).encode())
        self.close_connection = True

    def be_hang(self):
        time.sleep(60)

    def be_hang_head(self):
        self.raw(b"HTTP/1.1 200 OK\r\nContent-Le")
        time.sleep(60)

    def be_slow(self):
        """A byte now and then: never silent, never done."""
        self.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            self.raw(b" ")
            time.sleep(0.02)

    def be_big(self):
        self.answer(b'{"status":"success","result":{"x":"' + b"x" * 10_000_000 + b'"}}')

    def be_big_chunked(self):
        self.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        with_lies = b"x" * 65536
        for _ in range(160):
            self.raw(b"10000\r\n" + with_lies + b"\r\n")
        self.raw(b"0\r\n\r\n")

    def be_limit(self):
        head = json.dumps(VALID).encode()
        self.answer(head + b" " * ((1 << 20) - len(head)))

    def be_over_limit(self):
        self.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        head = json.dumps(VALID).encode()
        body = head + b" " * ((1 << 20) + 1 - len(head))
        self.raw(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))

    def be_types(self):
        self.answer({"status": "success", "result": {
            "service_type": "conference", "name": 5, "service_tag": [], "view": {}, "locked": "perhaps"}})

    def be_redirect(self):
        self.answer(VALID, 302, Location="/ok" + self.path)

    def be_not_mine(self):
        self.answer({"status": "fail", "action": "reject", "result": {}}, 404)

    def be_unauthorised(self):
        self.answer(b"", 401, WWW_Authenticate='Basic realm="policy"')

    def be_secured(self):
        if self.headers.get("Authorization") == "Basic dGFuZGVtOnMzY3JldA==":
            self.answer(VALID)
        else:
            self.answer(b"", 401, WWW_Authenticate='Basic realm="policy"')

    def be_broken(self):
        self.answer(VALID, 500)

    def be_gzip(self):
        import gzip
        self.answer(gzip.compress(json.dumps(VALID).encode()), Content_Encoding="gzip")

    def be_gzip_unsaid(self):
        import gzip
        self.answer(gzip.compress(json.dumps(VALID).encode()))

    def be_html(self):
        self.answer(b"<!DOCTYPE html><title>Sign in</title>", content_type="text/html")

    def be_latin1(self):
        self.answer('{"status":"success","result":{"name":"Å"}}'.encode("latin-1"))

    def be_utf16(self):
        self.answer(json.dumps(VALID).encode("utf-16"))

    def be_text(self):
        self.answer(b"OK", content_type="text/plain")

    def be_empty(self):
        self.answer(b"")

    def be_nothing(self):
        self.end()

    def be_reset(self):
        self.end(reset=True)

    def be_half(self):
        self.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"status\"")
        self.end()

    def be_garbage(self):
        self.raw(b"SIP/2.0 200 OK\r\n\r\n")
        self.end()

    def be_huge_header(self):
        self.raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n")
        self.end()

    def be_stale(self):
        """Answers the first request of a connection, and closes under the second."""
        if getattr(self, "served", False):
            self.end()
        else:
            self.served = True
            self.answer(VALID)

    def be_wait(self):
        """Answers when /release was asked."""
        release.wait(30)
        self.answer(VALID)

    def be_release(self):
        release.set()
        self.answer(b"{}")

    def be_die(self):
        self.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
        os._exit(1)

    def be_people(self):
        self.answer(b'{"status": "success", "ignore_local": true, "result": ['
                    b'{"username": "", "alias": "ann@example.org", "description": "Ann"}]}')

    def be_jpeg(self):
        width, height = 40, 30
        frame = struct.pack(">BHHB", 8, height, width, 3) + bytes([1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0])
        self.answer(b"\xff\xd8\xff\xc0" + struct.pack(">H", 2 + len(frame)) + frame
                    + b"\xff\xda\x00\x02\x00\x00\xff\xd9", content_type="image/jpeg")


release = threading.Event()


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 512
    context = None

    def process_request_thread(self, request, client_address):
        # The handshake is done here, so that a peer that dallies holds up nobody else.
        try:
            if self.context:
                request = self.context.wrap_socket(request, server_side=True)
            self.finish_request(request, client_address)
        except (OSError, ValueError):
            pass
        finally:
            self.shutdown_request(request)

    def handle_error(self, request, client_address):
        pass


def serve(port=0, certificate=None):
    server = Server(("127.0.0.1", port), Handler)
    if certificate:
        server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.context.load_cert_chain(certificate + ".pem", certificate + ".key")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


if __name__ == "__main__":
    parent = os.getppid()
    ports = [serve(int(sys.argv[1]))] + [serve(certificate=name) for name in sys.argv[2:]]
    print(*ports, flush=True)
    while os.getppid() == parent:
        time.sleep(1)
