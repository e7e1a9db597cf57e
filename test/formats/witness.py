"""A witness (C2SP tlog-witness, tlog-cosignature v1), written from those specifications alone: Python's standard library, and openssl for Ed25519.

usage: witness.py NAME LOGKEY...     LOGKEY is a verifier key NAME+HASH+BASE64 of a log. Prints its own verifier key and its URL, one a line. State in memory.
"""
import base64, hashlib, http.server, os, struct, subprocess, sys, tempfile, time

SPKI, PKCS8 = bytes.fromhex("302a300506032b6570032100"), bytes.fromhex("302e020100300506032b657004220420")
scratch = tempfile.mkdtemp()
sha = lambda data: hashlib.sha256(data).digest()
node = lambda left, right: sha(b"\1" + left + right)


def openssl(*args):
    return subprocess.run(["openssl", *args], capture_output=True, check=False)


def keep(name, data):
    path = os.path.join(scratch, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


def verify(key, message, signature):
    args = ["-verify", "-pubin", "-keyform", "DER", "-inkey", keep("key", SPKI + key), "-rawin", "-in", keep("message", message), "-sigfile", keep("sig", signature)]
    return openssl("pkeyutl", *args).returncode == 0


def consistent(size1, size2, root1, root2, proof):
    """RFC 9162 section 2.1.4.2."""
    if size1 == size2:
        return not proof and root1 == root2
    path = list(proof)
    if size1 & (size1 - 1) == 0:
        path.insert(0, root1)
    if not path:
        return False
    fn, sn = size1 - 1, size2 - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for each in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(each, fr), node(each, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, each)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == root1 and sr == root2


name, logs, seen = sys.argv[1], {}, {}
for line in sys.argv[2:]:
    origin, _, rest = line.partition("+")
    logs[origin] = base64.b64decode(rest.partition("+")[2])[1:]
seed = os.urandom(32)
private = keep("private", PKCS8 + seed)
public = openssl("pkey", "-inform", "DER", "-in", private, "-pubout", "-outform", "DER").stdout[len(SPKI):]
key_id = lambda who, kind, key: sha(who.encode() + b"\n" + bytes([kind]) + key)[:4]


def add_checkpoint(body):
    head, _, note = body.partition(b"\n\n")
    old, *proof = head.decode().split("\n")
    text, _, signatures = note.rpartition(b"\n\n")
    text += b"\n"
    origin, size, root = text.decode().split("\n")[:3]
    size, old, root, proof = int(size), int(old.removeprefix("old ")), base64.b64decode(root), [base64.b64decode(each) for each in proof]
    if origin not in logs:
        return 404, "text/plain", "unknown log\n"
    good = False
    for line in signatures.decode().splitlines():
        _, who, raw = line.split(" ")
        raw = base64.b64decode(raw)
        good = good or (who == origin and raw[:4] == key_id(origin, 1, logs[origin]) and verify(logs[origin], text, raw[4:]))
    if not good:
        return 403, "text/plain", "not signed\n"
    last_size, last_root = seen.get(origin, (0, sha(b"")))
    if old > size:
        return 400, "text/plain", "old is larger\n"
    if old != last_size:
        return 409, "text/x.tlog.size", "%d\n" % last_size
    if old == size and root != last_root:
        return 409, "text/plain", "another root\n"
    if proof if old == 0 else not consistent(old, size, last_root, root, proof):
        return 422, "text/plain", "not consistent\n"
    seen[origin] = (size, root)
    now = int(time.time())
    message = b"cosignature/v1\ntime %d\n" % now + text
    signature = openssl("pkeyutl", "-sign", "-keyform", "DER", "-inkey", private, "-rawin", "-in", keep("message", message)).stdout
    raw = key_id(name, 4, public) + struct.pack(">Q", now) + signature
    # Whoever asked has to pass over signatures of keys that it does not know.
    return 200, "text/plain", "\u2014 stranger %s\n\u2014 %s %s\n" % (base64.b64encode(os.urandom(76)).decode(), name, base64.b64encode(raw).decode())


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        status, kind, said = add_checkpoint(body) if self.path == "/w/add-checkpoint" else (404, "text/plain", "no such call\n")
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(said.encode())))
        self.end_headers()
        self.wfile.write(said.encode())

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print("%s+%s+%s" % (name, key_id(name, 4, public).hex(), base64.b64encode(b"\4" + public).decode()))
print("http://127.0.0.1:%d/w" % server.server_port, flush=True)
server.serve_forever()
