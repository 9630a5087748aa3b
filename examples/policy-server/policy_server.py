#!/usr/bin/env python3
"""A small external policy server: answers Tandem's questions from a directory in a JSON file.

    ./policy_server.py --port 8080 --directory directory.json

Point a policy profile at it:

    policy_profiles:
      - name: example
        url: http://127.0.0.1:8080
        username: tandem
        password: {env: POLICY_SERVER_PASSWORD}
        hooks: {service: {}, participant: {}, media_location: {}, directory: {}, registration: {}}

It needs nothing but Python's own library, reads its file anew when it changes, and is meant to be copied and changed.
Every answer has the shape {"status": ..., "action": ..., "result": {...}}; what it does not know it leaves to Tandem
with "continue", which is the safe answer.
"""
import argparse
import base64
import hmac
import json
import os
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

CONTINUE = {"status": "success", "action": "continue", "result": {}}
REJECT = {"status": "success", "action": "reject", "result": {}}


def bare(alias):
    """An alias without scheme and parameters, in lower case: SIP sends `sip:ann@example.org`, apps `ann@example.org`."""
    alias = alias.strip().lower()
    for scheme in ("sip:", "sips:", "h323:", "tel:"):
        alias = alias.removeprefix(scheme)
    return alias.split(";")[0]


class Directory:
    """The file, read again when it changes. A file with a mistake in it leaves what was read before in force."""

    def __init__(self, path):
        self.path, self.stamp, self.data, self.lock = path, None, {}, threading.Lock()
        self.load()

    def load(self):
        with self.lock:
            try:
                stamp = os.stat(self.path).st_mtime_ns
                if stamp != self.stamp:
                    with open(self.path, encoding="utf-8") as file:
                        self.data = json.load(file)
                    self.stamp = stamp
            except (OSError, ValueError) as error:
                print(f"{self.path}: {error}", file=sys.stderr)
                if self.stamp is None:
                    raise
            return self.data

    # The six questions. `ask` has every parameter of the request once.

    def service(self, ask):
        data, called, caller = self.load(), bare(ask["local_alias"]), bare(ask["remote_alias"])
        # Seconds by alias: to see what calls make of a server that thinks for long.
        time.sleep(data.get("slow", {}).get(called, 0))
        if caller in data.get("blocked", []):
            return REJECT
        if called in data.get("moved", {}):
            return {"status": "success", "action": "redirect",
                    "result": {"new_alias": data["moved"][called]}}
        room = data.get("rooms", {}).get(called)
        if room:
            result = {"service_type": "conference", "service_tag": "", **room}
            return {"status": "success", "action": "continue", "result": result}
        person = data.get("people", {}).get(called)
        if person and person.get("phone"):
            # The name of a gateway call must be its own: two calls of one name would be one.
            return {"status": "success", "action": "continue", "result": {
                "service_type": "gateway", "service_tag": "person", "name": f"{called} {uuid.uuid4()}",
                "local_alias": ask["remote_alias"], "remote_alias": person["phone"],
                "outgoing_protocol": "sip"}}
        return CONTINUE

    def participant(self, ask):
        person = self.load().get("people", {}).get(bare(ask["remote_alias"]))
        if person and person.get("name"):
            return {"status": "success", "action": "continue",
                    "result": {"remote_display_name": person["name"]}}
        return CONTINUE

    def media_location(self, ask):
        location = self.load().get("media_locations", {}).get(ask["location"])
        return {"status": "success", "result": location} if location else {"status": "default"}

    def directory(self, ask):
        text, found = ask["q"].lower(), []
        for alias, person in sorted(self.load().get("people", {}).items()):
            if text in alias or text in person.get("name", "").lower():
                found.append({"username": "", "alias": alias, "description": person.get("name", "")})
        return {"status": "success", "result": found[:int(ask["limit"] or 10)], "ignore_local": False}

    def registration(self, ask, alias):
        person = self.load().get("people", {}).get(bare(alias))
        if not person:
            return CONTINUE
        if "password" not in person:
            return REJECT
        return {"status": "success", "action": "continue",
                "result": {"username": person.get("username", bare(alias)), "password": person["password"]}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    directory = None
    credential = None

    def do_GET(self):
        url = urlsplit(self.path)
        query = parse_qs(url.query, keep_blank_values=True)
        ask = Parameters({name: values[-1] for name, values in query.items()})
        path = url.path
        if self.credential and not self.is_allowed():
            self.answer({"status": "fail"}, 401)
        elif path == "/policy/v1/service/configuration":
            self.answer(self.directory.service(ask))
        elif path == "/policy/v1/participant/properties":
            self.answer(self.directory.participant(ask))
        elif path == "/policy/v1/participant/location":
            self.answer(self.directory.media_location(ask))
        elif path == "/policy/v1/registrations":
            self.answer(self.directory.directory(ask))
        elif path.startswith("/policy/v1/registrations/"):
            self.answer(self.directory.registration(ask, unquote(path.rsplit("/", 1)[1])))
        else:
            self.answer({"status": "fail"}, 404)

    def is_allowed(self):
        given = self.headers.get("Authorization", "").encode()
        return hmac.compare_digest(given, self.credential)

    def answer(self, body, status=200):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="policy"')
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, form, *arguments):
        # The path alone: the query holds names and numbers.
        path = urlsplit(getattr(self, "path", "")).path
        request = self.headers.get("X-Request-Id", "-") if hasattr(self, "headers") else "-"
        print(request, path, *arguments[1:2], flush=True)


class Parameters(dict):
    """What was not sent is the empty string."""

    def __missing__(self, name):
        return ""


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080, help="0: any free one; it is printed")
    parser.add_argument("--directory", default=os.path.join(here, "directory.json"))
    parser.add_argument("--username", default="tandem")
    arguments = parser.parse_args()
    Handler.directory = Directory(arguments.directory)
    password = os.environ.get("POLICY_SERVER_PASSWORD")
    if password:
        pair = f"{arguments.username}:{password}".encode()
        Handler.credential = b"Basic " + base64.b64encode(pair)
    server = ThreadingHTTPServer((arguments.host, arguments.port), Handler)
    server.daemon_threads = True
    print(f"listening on http://{arguments.host}:{server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
