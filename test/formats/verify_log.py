"""A verifier of gw's logs and journals, written from docs/spec/log.md and docs/spec/journal.md alone: Python's standard library, and openssl for Ed25519.

usage: verify_log.py DIR KEYFILE [CHECKPOINT...]     DIR holds log/ and journal/. Prints CLAIM: what, one line each; status 1 when there is any.
"""
import base64, datetime, hashlib, json, os, re, struct, subprocess, sys, tempfile

problems = []
MAX_LEAF, WIDTH = 65535, 256


def report(claim, what):
    problems.append(f"{claim}: {what}")


def sha(data):
    return hashlib.sha256(data).digest()


def leaf_hash(data):
    return sha(b"\0" + data)


def node(left, right):
    return sha(b"\1" + left + right)


def edge_of(hashes):
    """Roots of the complete subtrees, from the left."""
    row, edge = list(hashes), []
    while row:
        size = 1 << (len(row).bit_length() - 1)
        part, row = row[:size], row[size:]
        while len(part) > 1:
            part = [node(part[at], part[at + 1]) for at in range(0, len(part), 2)]
        edge.append(part[0])
    return edge


def root(hashes, below=()):
    """RFC 6962 section 2.1 over leaf hashes, or over roots of bundles with the leaf hashes `below` after them; folded from the right."""
    edge = edge_of(hashes) + edge_of(below)
    if not edge:
        return sha(b"")
    found = edge.pop()
    while edge:
        found = node(edge.pop(), found)
    return found


def read(*path):
    try:
        with open(os.path.join(*path), "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def parse_note(data):
    text, _, signatures = data.decode().rpartition("\n\n")
    lines = [line.split(" ") for line in signatures.splitlines()]
    if any(len(line) != 3 or line[0] != "\u2014" for line in lines):
        raise ValueError("a line that is no signature")
    return text + "\n", [(name, base64.b64decode(raw, validate=True)) for _, name, raw in lines]


def key_id(name, kind, key):
    return sha(name.encode() + b"\n" + bytes([kind]) + key)[:4]


def ed25519(key, message, signature):
    with tempfile.TemporaryDirectory() as dir:
        paths = {name: os.path.join(dir, name) for name in ("key", "message", "signature")}
        for name, data in (("key", bytes.fromhex("302a300506032b6570032100") + key), ("message", message), ("signature", signature)):
            with open(paths[name], "wb") as file:
                file.write(data)
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", paths["key"], "-rawin", "-in", paths["message"], "-sigfile", paths["signature"]]
        return subprocess.run(command, capture_output=True).returncode == 0


def signed(note, name, keys):
    text, signatures = note
    for who, raw in signatures:
        for key in keys:
            if who == name and raw[:4] == key_id(name, 1, key) and len(raw) == 68 and ed25519(key, text.encode(), raw[4:]):
                return key
    return None


def read_keys(path):
    keys = []
    for line in read(path).decode().split():
        name, _, rest = line.partition("+")
        ident, _, text = rest.partition("+")
        raw = base64.b64decode(text, validate=True)
        if key_id(name, raw[0], raw[1:]).hex() != ident:
            raise SystemExit(f"{line} is no key")
        if raw[0] == 1:
            keys.append(raw[1:])
    return keys


def follow_rotations(logs, gateway, keys):
    """Keys that count, and who replaced whom."""
    successors, last, number = {}, None, 1
    while (data := read(logs, f"rotation.{number}")) is not None:
        try:
            note = parse_note(data)
            form, whose, which, old, new, _ = note[0].splitlines()
            old, new = base64.b64decode(old, validate=True), base64.b64decode(new, validate=True)
            good = form == "gw-key-rotation/v1" and whose == gateway and which == str(number) and last in (None, old)
            good = good and signed(note, gateway, [old]) and signed(note, gateway, [new])
        except ValueError:
            good = False
        if not good:
            report("signature", f"the statement rotation.{number} does not hold")
            break
        successors[old], last = new, new
        if old in keys:
            keys = keys + [new]
        number += 1
    return keys, successors


def tile_path(level, index, width):
    groups = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03d}")
    return f"tile/{level}/{'/'.join(groups)}" + ("" if width == WIDTH else f".p/{width}")


def read_tile(log, level, index, width):
    data = read(log, tile_path(level, index, width))
    return data if data is not None or width == WIDTH else read(log, tile_path(level, index, WIDTH))


def bundle(data, count):
    leaves, at = [], 0
    while at + 2 <= len(data) and len(leaves) < count:
        (length,) = struct.unpack_from(">H", data, at)
        leaves.append(data[at + 2 : at + 2 + length])
        at += 2 + length
    return leaves if len(leaves) == count and at == len(data) else None


def check_names(log, origin, size):
    """Every file below `tile` is a tile of the tree, or was being written or removed when its process died."""
    for folder, _, files in os.walk(os.path.join(log, "tile")):
        for name in files:
            path = os.path.relpath(os.path.join(folder, name), log)
            found = re.fullmatch(r"tile/(entries|\d+)/((?:x\d{3}/)*\d{3})(?:\.p/([1-9]\d{0,2}))?", path)
            if path.endswith(".draft"):
                continue
            level, groups, width = found.groups() if found else ("", "", None)
            index = int(re.sub("[x/]", "", groups) or 0)
            there = size // WIDTH ** (0 if level in ("entries", "") else int(level))
            if not found or tile_path(level, index, int(width or WIDTH)) != path or (width and (index + 2) * WIDTH <= there):
                report("tile", f"{origin}: {path} is not part of the log")


class Tree:
    """The hashes of a log: roots of full bundles, of pruned ones as the tiles of level 1 say them, and leaf hashes from `base` on."""

    def __init__(self, size, first, bundles):
        self.size, self.first, self.base, self.bundles, self.leaves = size, first, first // WIDTH * WIDTH, bundles, []

    def root_at(self, size):
        full = size // WIDTH
        return root(self.bundles[:full], self.leaves[full * WIDTH - self.base : size - self.base])


def read_pruned(log, size):
    """Index of the first entry that is kept, and the entry that says so."""
    data = read(log, "pruned")
    try:
        entry = json.loads(data or b"")
        first, n = entry["data"]["first"], entry["n"]
        if canonical(entry) != data or entry["kind"] != "log.prune" or not 0 < first < n:
            return 0, None
    except (ValueError, KeyError, TypeError):
        return 0, None
    if n >= size:
        report("retention", f"{log}: entry {n}, which prunes it, is under no checkpoint")
        return 0, None
    return first, entry


def canonical(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def time_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def verify_log(logs, place, keys, known, now, book):
    log = os.path.join(logs, place)
    data = read(log, "checkpoint")
    try:
        note = parse_note(data or b"")
        origin, size, base = note[0].splitlines()
        size, told = int(size), base64.b64decode(base, validate=True)
    except ValueError:
        return report("signature", f"log {place} has no checkpoint")
    keys, successors = follow_rotations(logs, origin.rpartition("/")[0], keys) if place == "0" or book["keys"] is None else book["keys"]
    book["keys"] = (keys, successors)
    if not origin.endswith("/" + place):
        report("log", f"{origin} lies in the place of log {place}")
    signer = signed(note, origin, keys)
    if signer is None:
        report("signature", f"{origin} is not signed by a key that counts")
    last, due, signers = None, None, []
    first, announced = read_pruned(log, size)
    gone = b"".join(read_tile(log, 1, at, min(WIDTH, size // WIDTH - at * WIDTH)) or b"" for at in range((first // WIDTH + WIDTH - 1) // WIDTH))
    tree = Tree(size, first, [gone[at * 32 : at * 32 + 32] for at in range(first // WIDTH)])
    said, hashes = announced is None, tree.leaves
    book["first"][origin] = first
    for index in range(first // WIDTH, (size + WIDTH - 1) // WIDTH):
        width = min(WIDTH, size - index * WIDTH)
        leaves = bundle(read_tile(log, "entries", index, width) or b"", width)
        tile = read_tile(log, 0, index, width)
        if leaves is None:
            report("entry", f"{origin}: bundle {index} is missing or damaged")
            continue
        if tile is None or len(tile) not in (width * 32, WIDTH * 32):
            report("tile", f"{origin}: tile 0/{index} is missing or has another size")
        for at, leaf in enumerate(leaves):
            n, hashed = index * WIDTH + at, leaf_hash(leaf)
            hashes.append(hashed)
            if tile is not None and tile[at * 32 : at * 32 + 32] != hashed:
                report("entry", f"{origin} entry {n} is not the one in its tile")
            try:
                entry = json.loads(leaf)
                if canonical(entry) != leaf or entry["v"] != 1:
                    raise ValueError
            except (ValueError, KeyError):
                report("entry", f"{origin} entry {n} is in no form")
                continue
            if entry["n"] != n or (last is not None and entry["time"] < last["time"]):
                report("order", f"{origin} entry {n} is out of its order")
            last, due = entry, entry["data"].get("due", due)
            if entry["kind"] in ("log.open", "log.keys"):
                signers = entry["data"].get("keys", signers)
            said = said or entry == announced
            if n == first and first > 0 and entry["kind"] not in ("log.open", "log.recovered"):
                report("retention", f"{origin} was cut before entry {n}, where no process began")
            # Before it are the last entries of a process of which the beginning is gone.
            if n >= first:
                take(origin, entry, book)
    if not said:
        report("retention", f"{origin} is pruned up to {first}, and does not say so")
    tree.bundles += [root(hashes[at : at + WIDTH]) for at in range(0, len(hashes) - WIDTH + 1, WIDTH)]
    if len(hashes) == size - tree.base and tree.root_at(size) != told:
        report("checkpoint", f"{origin}: the root over the entries is not the one that was signed")
    level, row = 1, tree.bundles
    while row:
        for index in range((len(row) + WIDTH - 1) // WIDTH):
            part = row[index * WIDTH : (index + 1) * WIDTH]
            tile = read_tile(log, level, index, len(part))
            if tile is None or tile[: len(part) * 32] != b"".join(part):
                report("tile", f"{origin}: tile {level}/{index} is not that of the tiles below it")
        level, row = level + 1, [root(row[at : at + WIDTH]) for at in range(0, len(row) - WIDTH + 1, WIDTH)]
    check_names(log, origin, size)
    named = set()
    for text in signers:
        key = base64.b64decode(text.split("+", 2)[2])[1:]
        while key is not None and key not in named:
            named.add(key)
            key = successors.get(key)
    if signer is not None and signers and signer not in named and signed(note, origin, [key for key in keys if key in named]) is None:
        report("signature", f"{origin} is signed by a key that was replaced")
    for other, count, expected in known:
        if other == origin and (count > size or count < first or tree.root_at(count) != expected):
            report("fork", f"{origin} does not continue its checkpoint of {count} entries")
    if last is None or (last["kind"] != "log.close" and now > time_of(due)):
        report("tail", f"{origin} has no end, and had to say that it lives")
    book["logs"][origin] = tree
    return None


def take(log, entry, book):
    kind, data, journal = entry["kind"], entry["data"], entry["journal"]
    state = book["states"].get(log)
    if (state is None or state["closed"]) and kind not in ("log.open", "log.recovered"):
        report("tail", f"{log}: {kind} follows the end")
        state = book["states"].setdefault(log, {"closed": False, "sessions": 0, "journal": journal})
    if kind in ("log.open", "log.recovered"):
        book["begun"][log, entry["n"]] = entry["time"]
    for anchor in data.get("anchors", []):
        book["anchors"].append((anchor["log"], anchor["size"], bytes.fromhex(anchor["root"])))
    if kind == "log.heartbeat" and "rootOverLogs" in data:
        heads = data.get("anchors", []) + ([dict(data["own"], log=log)] if "own" in data else [])
        heads.sort(key=lambda head: head["log"].encode())
        texts = [f"{head['log']}\n{head['size']}\n{base64.b64encode(bytes.fromhex(head['root'])).decode()}\n" for head in heads]
        if "own" not in data or root([leaf_hash(text.encode()) for text in texts]).hex() != data["rootOverLogs"]:
            report("log", f"{log}: entry {entry['n']} says another root over the logs than the logs have that it names")
        else:
            book["own"][log] = (log, data["own"]["size"], bytes.fromhex(data["own"]["root"]))
    session = data.get("session")
    if kind == "log.open":
        book["states"][log] = {"closed": False, "sessions": 0, "journal": journal}
    elif kind == "session.start":
        state["sessions"] += 1
        if data["number"] != state["sessions"] or session in book["sessions"]:
            report("session", f"{session} is number {data['number']}, and {state['sessions']} began")
        book["sessions"][session] = {"leaves": 1, "ended": False, "journal": journal, "number": data["number"], "time": None, "log": log, "n": entry["n"], "data": data}
    elif kind in ("session.end", "operation.deny", "data.clear", "data.masked"):
        found = book["sessions"].get(session)
        if found is None or found["ended"]:
            return report("session", f"{kind} of {session}, which is not open")
        found["leaves"] += 1
        if kind == "session.end":
            found["ended"], found["time"] = True, entry["time"]
            if data["leaves"] != found["leaves"]:
                report("session", f"{session} has {found['leaves']} entries, and its end says {data['leaves']}")
    elif kind == "session.recovered":
        book["recovered"].add(session)
    elif kind == "journal.segment":
        told = (data["entries"], data["root"], data["final"])
        if book["segments"].setdefault((data["journalOfSegment"], data["segment"]), told) != told:
            report("segment", f"segment {data['segment']} of {data['journalOfSegment']} is told twice")
    elif kind in ("hold.add", "hold.release"):
        book["holds"].append((entry["time"], log, entry["n"], kind, data))
    elif kind == "retention.rules":
        book["rules"][log] = data
    elif kind in ("session.erase", "session.expire"):
        book["contents"].append((entry["time"], log, entry["n"], kind, data, book["rules"].get(log)))
    elif kind == "log.prune":
        book["announced"].append((entry["time"], log, entry["n"], data, book["rules"].get(log)))
        for hold in data.get("holds", []):
            book["retold"][hold["hold"]] = hold
    elif kind == "journal.prune":
        boot = data["journalOfSegment"]
        book["pruned"][boot] = max(book["pruned"].get(boot, 0), data["through"])
    elif kind == "log.close":
        if data["sessions"] != state["sessions"]:
            report("session", f"{log}: {state['sessions']} sessions began, and the end says {data['sessions']}")
        state["closed"] = True
    return None


def in_force(book, time, log, n):
    """Holds in force at a place: by name, what each says and where it was placed."""
    found = {}
    for when, where, place, change, hold in sorted(book["holds"], key=lambda each: (each[0], each[2])):
        # Of two logs in one millisecond the order is not known: then nobody is accused.
        before = when < time or (when == time and (place < n if where == log else change == "hold.release"))
        if before and change == "hold.release":
            found.pop(hold["hold"], None)
        elif before:
            found[hold["hold"]] = (hold, where, place)
    return found


def covering(holds, session, target, issuer, subject):
    wanted = {"session": (session, None), "target": (target, None), "subject": (subject, issuer)}
    return [
        name
        for name, (hold, _, _) in holds.items()
        if (hold.get("value"), hold.get("holdIssuer") if hold.get("scope") == "subject" else None) == wanted.get(hold.get("scope"))
    ]


def check_retention(book):
    """What was erased or expired was not held, and was due by the rules in force."""
    for time, log, n, kind, data, rules in book["contents"]:
        issuer, subject = (data.get("sessionIssuer"), data.get("sessionSubject")) if kind == "session.erase" else (data.get("issuer"), data.get("subject"))
        target, begun = data.get("target"), book["sessions"].get(data["session"], {}).get("data")
        if begun is not None:
            target, issuer, subject = begun.get("target"), begun.get("issuer"), begun.get("subject")
        held = covering(in_force(book, time, log, n), data["session"], target, issuer, subject)
        if held:
            report("retention", f"the content of {data['session']} ended while {', '.join(held)} covered it")
        if kind == "session.erase":
            continue
        try:
            over = time_of(data["endedAt"]) + datetime.timedelta(milliseconds=data["keepMs"]) <= time_of(data["knownTime"]) <= time_of(time)
        except (ValueError, TypeError):
            over = False
        targets = {each["target"]: each["recordings"] for each in (rules or {}).get("targets", [])}
        least = targets.get(target, rules["recordings"]) if rules is not None else None
        end = book["sessions"].get(data["session"], {}).get("time")
        if not over or least is None or data["keepMs"] < least or (end is not None and time_of(end) > time_of(data["endedAt"])):
            report("retention", f"the content of {data['session']} expired before its time")


def check_log_prunings(book):
    """Entries that were pruned, or are announced to be, were older than the period, not held, and of sessions whose content had ended."""
    ended = {data["session"]: time for time, _, _, _, data, _ in book["contents"]}
    for time, log, n, data, rules in book["announced"]:
        first = data["first"]
        if first < book["first"][log]:
            continue
        begun, least, keep = book["begun"].get((log, first)), (rules or {}).get("log"), datetime.timedelta(milliseconds=data["keepMs"])
        over = begun is not None and first < n and time_of(begun) + keep <= time_of(data["knownTime"]) <= time_of(time)
        if not over or least is None or data["keepMs"] < max(least, 90 * 86_400_000):
            report("retention", f"{log} was pruned up to {first} before its time, or not where a process began")
        holds = in_force(book, time, log, n)
        for session, found in book["sessions"].items():
            if found["log"] != log or found["n"] >= first:
                continue
            said = found["data"]
            held = covering(holds, session, said.get("target"), said.get("issuer"), said.get("subject"))
            if held or ended.get(session, "9") > time:
                report("retention", f"{session} was pruned, and had not ended or was held by {held}")
        if any(where == log and place < first for _, where, place in holds.values()):
            report("retention", f"a hold was in force, and {log} was pruned beyond the entry that placed it")
    if not book["announced"]:
        return
    placed = {hold["hold"] for _, _, _, change, hold in book["holds"] if change == "hold.add"}
    for _, log, _, change, hold in book["holds"]:
        if change == "hold.release" and hold["hold"] not in placed:
            report("retention", f"{hold['hold']} was released, and what placed it was pruned and is not told again")
    time, log, n, _, _ = min(book["announced"], key=lambda each: (each[0], each[2]))
    for name, (hold, _, _) in in_force(book, time, log, n).items():
        if hold.get("scope") == "session" and hold["value"] not in book["sessions"] and hold["value"] not in book["recovered"]:
            report("retention", f"{hold['value']} was pruned while {name} covered it")


def check_pruned(book, boot, first):
    """Sessions of a pruned journal that began in what is gone have ended in order. `first`: number of the first that begins in what is left."""
    ended = {data["session"] for _, _, _, _, data, _ in book["contents"]}
    for session, found in book["sessions"].items():
        if found["journal"] == boot and (first is None or found["number"] < first) and session not in ended:
            report("retention", f"{session} was in segments of {boot} that are pruned, and its content had not ended")


def verify_journal(directory, boot, book):
    def wrong(number, what):
        report("journal", f"{boot}, segment {number}: {what}")

    told = book["pruned"].get(boot, 0)
    if told and book["segments"].get((boot, told), (0, "", False))[2]:
        # All of it may go: a deletion was stopped half-way.
        return None
    mark = read(directory, "pruned")
    pruned = json.loads(mark)["through"] if mark is not None else 0
    if pruned > told:
        report("retention", f"{pruned} segments of {boot} are gone, and the log says so of {told}")
    # What a pruned journal goes on from is gone.
    previous, number, final, first = None if pruned else bytes(32), pruned, False, None
    counters, opened = {}, {}
    names = sorted(name for name in os.listdir(directory) if re.fullmatch(r"\d{6,}\.gwj", name))
    for name in names:
        number += 1
        data = read(directory, name)
        magic, version, length, segment = struct.unpack_from(">4sHHI", data)
        header = data[:length]
        bootlength = header[50]
        if magic != b"GWJ1" or version not in (1, 2) or int(name[:-4]) != number or segment != number or sha(header[:-32]) != header[-32:]:
            return wrong(number, "the header is wrong")
        if previous not in (None, header[18:50]) or header[51 : 51 + bootlength].decode() != boot or final:
            return wrong(number, "the header does not continue the segment before")
        at, chain, leaves, frames, sealed = length, header[-32:], [], 0, None
        while at < len(data):
            size, kind, _ = struct.unpack_from(">IBB", data, at)
            time, (count,) = data[at + 6 : at + 12], struct.unpack_from(">I", data, at + 12)
            body, end = data[at + 16 : at + 16 + size], at + 16 + size
            if size > 16 << 20 or end + 32 > len(data) or sealed is not None or sha(chain + data[at:end]) != data[end : end + 32]:
                return wrong(number, f"the chain is broken at {at}")
            if kind == 2:
                sealed = body
            else:
                chain, frames, place = data[end : end + 32], frames + 1, 0
                for _ in range(count):
                    (entry,) = struct.unpack_from(">I", body, place)
                    raw = body[place + 4 : place + 4 + entry]
                    leaves.append(leaf_hash(time + raw))
                    (session,), counter = struct.unpack_from(">I", raw, 2), int.from_bytes(raw[6:12], "big")
                    if counter != counters.get(session, counter - 1 if pruned else 0) + 1:
                        wrong(number, f"entries of session {session} are missing")
                    counters[session] = counter
                    if raw[0] == 1:
                        first = session if first is None else first
                        named = raw[13 : 13 + raw[12]].decode() if raw[1] == 1 else json.loads(raw[12:])["session"]
                        opened[session] = named
                        if named not in book["sessions"] and named not in book["recovered"]:
                            report("session", f"{named} is in the journal {boot}, and no log knows it")
                    elif raw[0] == 2:
                        opened.pop(session, None)
                    place += 4 + entry
                if place != size:
                    return wrong(number, "a frame does not hold its entries")
            at, previous = end + 32, chain
        if sealed is None:
            return wrong(number, "it is not sealed")
        entries, sealed_frames, final = int.from_bytes(sealed[:6], "big"), int.from_bytes(sealed[6:12], "big"), sealed[12] == 1
        if entries != len(leaves) or sealed_frames != frames or sealed[13:45] != root(leaves):
            wrong(number, "the seal is not that of its entries")
        told = book["segments"].get((boot, number))
        if told != (entries, sealed[13:45].hex(), final):
            report("segment", f"segment {number} of {boot} is not the one in the log")
    if not final:
        wrong(number, "there is no final segment")
    for named in opened.values():
        wrong(number, f"{named} has no end")
    if told:
        check_pruned(book, boot, first)
    return None


def main(directory, keyfile, checkpoints):
    logs, journals = os.path.join(directory, "log"), os.path.join(directory, "journal")
    known = []
    for path in checkpoints:
        origin, size, base = parse_note(read(path))[0].splitlines()
        known.append((origin, int(size), base64.b64decode(base)))
    book = {"keys": None, "logs": {}, "states": {}, "sessions": {}, "recovered": set(), "segments": {}, "anchors": [], "own": {}}
    book |= {"holds": [], "rules": {}, "contents": [], "pruned": {}, "announced": [], "retold": {}, "begun": {}, "first": {}}
    places = sorted((name for name in os.listdir(logs) if re.fullmatch(r"\d{1,3}", name)), key=int)
    for place in places:
        verify_log(logs, place, read_keys(keyfile), known, datetime.datetime.now(datetime.timezone.utc), book)
    if places != [str(place) for place in range(len(places))]:
        report("log", "a log is missing")
    # Of what was pruned nobody can say any more what it was; the furthest that another log saw has to be explained.
    furthest = {}
    for origin, size, _ in book["anchors"]:
        furthest[origin] = max(size, furthest.get(origin, 0))
    anchors = [each for each in book["anchors"] if each[0] not in book["logs"] or each[1] >= min(book["logs"][each[0]].first, furthest[each[0]])]
    own = [each for each in book["own"].values() if each[1] >= book["logs"][each[0]].first]
    for origin, size, expected in anchors + own + known:
        tree = book["logs"].get(origin)
        if tree is None:
            report("log", f"{origin} was seen once, and is not here")
        elif size > tree.size or size < tree.first or tree.root_at(size) != expected:
            report("fork", f"{origin} does not continue what was seen of it")
    for session, found in book["sessions"].items():
        if not found["ended"] and session not in book["recovered"]:
            report("session", f"{session} has no end")
    for hold in book["retold"].values():
        book["holds"].append((hold["from"], "", 0, "hold.add", hold))
        book["holds"].append((hold["until"], "", 0, "hold.release", hold))
    check_retention(book)
    check_log_prunings(book)
    boots = os.listdir(journals) if os.path.isdir(journals) else []
    for boot in boots:
        verify_journal(os.path.join(journals, boot), boot, book)
    for boot, segment in book["segments"]:
        if segment > book["pruned"].get(boot, 0) and not os.path.exists(os.path.join(journals, boot, f"{segment:06d}.gwj")):
            report("segment", f"segment {segment} of {boot} is in the log, and its file is not here")
    for boot in book["pruned"]:
        if boot not in boots or book["segments"].get((boot, book["pruned"][boot]), (0, "", False))[2]:
            check_pruned(book, boot, None)
    for problem in dict.fromkeys(problems):
        print(problem)
    print(f"{len(places)} logs, {len(book['sessions'])} sessions, {len(book['segments'])} segments, {len(boots)} journals")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
