"""The servers that are measured: started here, stopped by the process that was started, on loopback ports of their own."""
import os, subprocess as sp, time

HERE = os.path.dirname(os.path.abspath(__file__))
UAS_PORT, UAC_PORT = 15070, 15080


def stop(process):
    if process.poll() is not None: return
    process.terminate()
    try: process.wait(6)
    except sp.TimeoutExpired: process.kill(); process.wait()


class Kamailio:
    """A transaction-stateful, record-routing proxy: signalling/kamailio.cfg."""
    port = 15060
    def __init__(s, tmp):
        d = f"{tmp}/kamailio"; os.makedirs(d)
        s.process = sp.Popen(["kamailio", "-f", f"{HERE}/kamailio.cfg", "-DD", "-m", "1024", "-M", "16", "-w", d, "-Y", d, "-P", f"{d}/pid"],
                             stdout=sp.DEVNULL, stderr=open(f"{d}/err", "w"))
        time.sleep(1.2)
        if s.process.poll() is not None: raise SystemExit("kamailio: " + open(f"{d}/err").read()[-800:])
    @property
    def pids(s):
        import cpu
        return cpu.children(s.process.pid)


class Tandem:
    """`tandem serve` with signalling/policy.yaml: rules, records and log as in use."""
    def __init__(s, exe, tmp, port, media_ports, media_address="127.0.0.1", rooms=()):
        """`rooms`: names of conferences, each its own alias, beside those of the policy."""
        s.port = port; d = s.directory = f"{tmp}/tandem-{port}"; os.makedirs(d + "/policies")
        with open(f"{HERE}/policy.yaml") as f: text = f.read()
        for word, value in ("PORT", str(port)), ("MEDIA_PORTS", media_ports), ("MEDIA_ADDRESS", media_address): text = text.replace(f"@{word}@", value)
        with open(d + "/policies/bench.yaml", "w") as f: f.write(text)
        if rooms:
            with open(d + "/policies/rooms.yaml", "w") as f: f.write("services:\n"); f.writelines(f"  - {{ name: {x}, type: conference, aliases: [{x}] }}\n" for x in rooms)
        s.process = sp.Popen([exe, "serve", "--policies", d + "/policies", "--state", d + "/state", "--log-file", d + "/log",
                              "--prompts", d + "/no-prompts"],    # tones of welcome would be taken for what others say
                             stdout=sp.PIPE, stderr=open(d + "/err", "w"), text=True)
        for line in s.process.stdout:
            if line.strip() == "ready": break
        else: raise SystemExit("tandem: " + open(d + "/err").read()[-2000:])
    @property
    def pids(s): return [s.process.pid]


class Floor:
    """udprelay: two sockets a call, epoll, recvfrom and sendto in C."""
    def __init__(s, exe, calls, file, base=13000):
        with open(file, "w") as f: f.writelines(f"{base + 2 * i} {base + 2 * i + 1}\n" for i in range(calls))
        s.process = sp.Popen([exe, "epoll", str(calls), str(base), "20001", "20002"], stdout=sp.PIPE, text=True)
        if "READY" not in s.process.stdout.readline(): raise SystemExit("udprelay did not start")
    @property
    def pids(s): return [s.process.pid]
