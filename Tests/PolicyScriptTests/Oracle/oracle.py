"""Renders scripts with stock Jinja2: the oracle of the interpreter's tests.

usage: oracle.py CASES RESULTS

A line of CASES is {"source": ..., "context": {...}, "clock": seconds} in JSON; the same line of RESULTS is {"output": ...} or {"error": ...}.
"""

import base64
import datetime
import hashlib
import ipaddress
import json
import re
import resource
import sys
import urllib.parse
import warnings
import zoneinfo

import jinja2

# A script may ask for a text of gigabytes; it fails here as it does in the interpreter.
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
warnings.simplefilter("ignore")

STANDARD = (
    "abs capitalize default d first float format int join last length count lower replace round striptags trim"
    " truncate upper"
).split()


def text(value):
    if not isinstance(value, (str, bool, int, float)):
        raise TypeError("not text")
    return str(value)


def search(pattern, string):
    match = re.search(text(pattern), text(string))
    if match is None:
        return None
    return list(match.groups()) or [match.group(0)]


def in_subnet(address, networks):
    if isinstance(networks, str):
        networks = [networks]
    networks = [ipaddress.ip_network(network, strict=False) for network in networks]
    try:
        address = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in networks)


def update(value, changes):
    if not isinstance(value, dict):
        raise TypeError("not a dict")
    result = dict(value)
    result.update(changes)
    return result


CUSTOM = {
    "pex_to_json": json.dumps,
    "pex_update": update,
    "pex_regex_replace": lambda s, find, replace: re.sub(text(find), text(replace), text(s)),
    "pex_find_first_match": lambda all, pattern: next((s for s in all if re.search(pattern, text(s))), None),
    "pex_in_subnet": in_subnet,
    "pex_debug_log": lambda *values: "",
    "pex_hash": lambda s: "%039d" % int.from_bytes(hashlib.sha256(text(s).encode()).digest()[:16], "big"),
    "pex_md5": lambda s: hashlib.md5(text(s).encode()).hexdigest(),
    "pex_base64": lambda s: base64.b64encode(text(s).encode()).decode(),
    "pex_head": lambda s, n: text(s)[:n],
    "pex_tail": lambda s, n: text(s)[-n:] if n > 0 else "",
    "pex_reverse": lambda s: text(s)[::-1],
    "pex_strlen": lambda s: len(text(s)),
    "pex_clean_phone_number": lambda s: "".join(c for c in text(s) if c in "+0123456789"),
    "pex_url_encode": lambda s: urllib.parse.quote(text(s), safe=""),
    "pex_url_decode": lambda s: urllib.parse.unquote(text(s)),
}

environment = jinja2.Environment(autoescape=False, cache_size=0)
environment.filters = {name: environment.filters[name] for name in STANDARD}
environment.filters["range"] = range
environment.filters.update(CUSTOM)
environment.filters["pex_regex_search"] = lambda string, pattern: search(pattern, string)
environment.globals.update(CUSTOM)
environment.globals["pex_regex_search"] = search


def render(case):
    environment.globals["pex_now"] = lambda tz="UTC": datetime.datetime.fromtimestamp(
        case.get("clock", 0), zoneinfo.ZoneInfo(tz)
    )
    try:
        return {"output": environment.from_string(case["source"]).render(case["context"])}
    except RecursionError as error:
        return {"error": "RecursionError"}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:200]}


with open(sys.argv[1], encoding="utf-8") as cases, open(sys.argv[2], "w", encoding="utf-8") as results:
    for line in cases:
        results.write(json.dumps(render(json.loads(line))) + "\n")
