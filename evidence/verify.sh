#!/bin/sh
# Verifies an evidence pack of gw with sha256sum, openssl and python3, and nothing of gw. Written from docs/spec/evidence-pack.md, log.md and journal.md.
#
#   sh verify.sh [--key FILE]... [--checkpoint FILE]... [PACK]
#
# --key         public keys, one a line, as `gw audit key` prints them. Without it the keys in the pack are taken, which anyone could have put there.
# --checkpoint  a checkpoint of a log that somebody kept: the log in the pack must continue it.
# PACK          directory of the pack; the one that this file is in by default. A copy of this file from elsewhere cannot have been changed with the pack.
#
# Exit status: 0 it verifies, 1 it does not, 2 it was called wrongly or something that it needs is missing.
for need in sha256sum openssl python3; do
  command -v "$need" >/dev/null || { echo "verify.sh needs $need" >&2; exit 2; }
done
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 2
exec python3 - "$here" "$@" <<'PYTHON'
import base64, csv, hashlib, json, os, re, struct, subprocess, sys, tempfile
from collections import Counter
from datetime import datetime, timezone

# What is said may hold names and texts of the pack: nothing in it acts on a terminal.
def say(text, file=sys.stdout): print(''.join(each if each.isprintable() else '\\u{%x}' % ord(each) for each in text), file=file)
def unreadable(kind, error, trace):
    say('The pack does NOT verify: it cannot be read (%s: %s).' % (kind.__name__, error)); sys.exit(1)
sys.excepthook = unreadable

PROBLEMS = []
def problem(claim, text):
    PROBLEMS.append((claim, text))
    if len(PROBLEMS) <= 100: say('%s: %s' % (claim, text), file=sys.stderr)
def usage(text):
    say(text, file=sys.stderr); sys.exit(2)

# ---- arguments
pack, args, keyfiles, kept = sys.argv[1], sys.argv[2:], [], []
while args:
    arg = args.pop(0)
    if arg in ('--key', '--checkpoint'):
        if not args: usage('%s needs a file' % arg)
        (keyfiles if arg == '--key' else kept).append(args.pop(0))
    elif arg.startswith('-'): usage('unknown option %s' % arg)
    else: pack = arg
path = lambda *names: os.path.join(pack, *names)
def read(name):
    with open(name, 'rb') as file: return file.read()
if not (os.path.isfile(path('manifest.json')) and os.path.isfile(path('manifest.dsse.json'))): usage('there is no evidence pack in %s' % pack)
sha = lambda data: hashlib.sha256(data).digest()
when = lambda text: round(datetime.strptime(text, '%Y-%m-%dT%H:%M:%S.%fZ').replace(tzinfo=timezone.utc).timestamp() * 1000)

# ---- keys and signatures (Ed25519 by openssl)
SPKI = bytes.fromhex('302a300506032b6570032100')
keys = []
if not keyfiles and not os.path.isfile(path('keys', 'audit.pub')): usage('the pack has no keys/audit.pub; give --key')
if not keyfiles: say('No key was given: the one in the pack is taken, which anyone could have put there.', file=sys.stderr)
for name in keyfiles or [path('keys', 'audit.pub')]:
    for line in read(name).decode().split('\n'):
        if not line.strip(): continue
        parts = line.strip().split('+', 2)
        raw = base64.b64decode(parts[2]) if len(parts) == 3 else b''
        if len(raw) != 33 or sha(parts[0].encode() + b'\n' + raw)[:4].hex() != parts[1]: usage('%s holds something that is no key' % name)
        if raw[0] == 1 and raw[1:] not in keys: keys.append(raw[1:])
scratch = tempfile.TemporaryDirectory()
def signed(data, signature, key):
    names = [os.path.join(scratch.name, each) for each in ('data', 'signature', 'key.der')]
    for name, content in zip(names, (data, signature, SPKI + key)):
        with open(name, 'wb') as file: file.write(content)
    run = ['openssl', 'pkeyutl', '-verify', '-pubin', '-keyform', 'DER', '-inkey', names[2], '-rawin', '-in', names[0], '-sigfile', names[1]]
    return subprocess.run(run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

# ---- keys that replaced those given: statements that both the old and the new key signed
def rotations():
    gateway, number = json.loads(read(path('manifest.json')))['predicate']['gateway'], 1
    while os.path.isfile(path('keys', 'rotation.%d' % number)):
        text, signatures = read(path('keys', 'rotation.%d' % number)).rsplit(b'\n\n', 1)
        text += b'\n'
        form, name, place, old, new, _, rest = text.decode().split('\n')
        old, new = base64.b64decode(old), base64.b64decode(new)
        lines = [line.split(' ') for line in signatures.decode().splitlines()]
        good = lambda key: any(who == gateway and signed(text, base64.b64decode(data)[4:], key) for _, who, data in lines)
        if (form, name, place, rest) != ('gw-key-rotation/v1', gateway, str(number), '') or not good(old) or not good(new):
            problem('signature', 'the replacement %d of the signing key is not signed by both keys' % number); return
        if old in keys and new not in keys: keys.append(new)
        number += 1
rotations()

# ---- manifest
envelope = json.loads(read(path('manifest.dsse.json')))
payload = base64.b64decode(envelope['payload'])
kind = envelope['payloadType'].encode()
encoded = b'DSSEv1 %d %s %d %s' % (len(kind), kind, len(payload), payload)
if not any(each['keyid'] == sha(key).hex() and signed(encoded, base64.b64decode(each['sig']), key) for each in envelope['signatures'] for key in keys):
    problem('signature', 'the manifest is not signed by any of the keys given')
if payload != read(path('manifest.json')): problem('file', 'manifest.json is not what was signed')
statement = json.loads(payload)
scope = statement['predicate']
if scope['format'] != 'gw-evidence-1': usage('this script verifies gw-evidence-1, and the pack is %s' % scope['format'])
FROM, TO, ONLY = when(scope['from']), when(scope['to']), scope['session']

# ---- files, by sha256sum
named = {each['name']: each['digest']['sha256'] for each in statement['subject']}
there = set()
for folder, folders, files in os.walk(pack):
    for name in files + [each for each in folders if os.path.islink(os.path.join(folder, each))]:
        inner = os.path.relpath(os.path.join(folder, name), pack)
        if inner in ('manifest.json', 'manifest.dsse.json'): continue
        if os.path.isfile(os.path.join(folder, name)) and not os.path.islink(os.path.join(folder, name)): there.add(inner)
        else: problem('file', '%s is no file' % inner)
for name in sorted(there - set(named)): problem('file', '%s is not in the manifest' % name)
for name in sorted(set(named) - there): problem('file', '%s is missing' % name)
if any(re.search(r'[^A-Za-z0-9._/-]|\.\.', name) for name in named): usage('the manifest has names that are not allowed')
listing = ''.join('%s  %s\n' % (named[name], name) for name in sorted(set(named) & there))
checked = subprocess.run(['sha256sum', '--check', '--strict', '--quiet', '-'], input=listing, cwd=pack, capture_output=True, text=True)
for line in checked.stdout.splitlines(): problem('file', line)
if checked.returncode != 0 and not checked.stdout: problem('file', checked.stderr.strip())
if PROBLEMS: say('The pack does NOT verify: %d problem%s.' % (len(PROBLEMS), 's' * (len(PROBLEMS) != 1))); sys.exit(1)

# ---- logs (C2SP tlog-tiles, RFC 6962)
node = lambda left, right: sha(b'\x01' + left + right)
def mth(hashes):
    if len(hashes) == 1: return hashes[0]
    split = 1
    while split * 2 < len(hashes): split *= 2
    return node(mth(hashes[:split]), mth(hashes[split:]))
def tile_name(level, index, width):
    groups = []
    while True:
        groups.insert(0, '%03d' % (index % 1000)); index //= 1000
        if not index: break
    return 'tile/%s/%s%s' % (level, '/'.join(['x' + each for each in groups[:-1]] + groups[-1:]), '.p/%d' % width if width < 256 else '')
class Log:
    def __init__(self, given):
        self.origin, self.first, self.size, self.root = given['log'], given['first'], given['size'], bytes.fromhex(given['root'])
        self.folder = path('log', self.origin.rsplit('/', 1)[1])
        self.checkpoint = read(os.path.join(self.folder, 'checkpoint'))
        origin, size, root = self.signed_note(self.checkpoint)
        if (origin, size, root) != (self.origin, self.size, self.root): problem('log', 'the checkpoint of %s is not the one of the manifest' % self.origin)
        self.levels, self.leaves = [], []
        level, width = 0, self.size
        while width:
            hashes = []
            for index in range((width + 255) // 256):
                name = os.path.join(self.folder, tile_name(level, index, min(256, width - index * 256)))
                data = read(name) if os.path.exists(name) else None
                count = min(256, width - index * 256)
                if data is None or len(data) != 32 * count:
                    if level or (index * 256 + count) > self.first: problem('log', '%s: a tile is missing' % self.origin)
                    hashes += [None] * count
                else: hashes += [data[at:at + 32] for at in range(0, len(data), 32)]
            self.levels.append(hashes)
            level, width = level + 1, width // 256
        for level in range(1, len(self.levels)):
            for at, hash in enumerate(self.levels[level]):
                below = self.levels[level - 1][at * 256:at * 256 + 256]
                if None not in below and mth(below) != hash: problem('log', '%s: tiles do not fit each other' % self.origin)
        if self.root_at(self.size) != self.root: problem('log', '%s: the tiles do not give the root' % self.origin)
        last = ''
        for index in range(self.first // 256, (self.size + 255) // 256):
            width = min(256, self.size - index * 256)
            data, at = read(os.path.join(self.folder, tile_name('entries', index, width))), 0
            for place in range(index * 256, index * 256 + width):
                length = int.from_bytes(data[at:at + 2], 'big')
                leaf = data[at + 2:at + 2 + length]; at += 2 + length
                if sha(b'\x00' + leaf) != self.levels[0][place]: problem('log', '%s: entry %d is not the one of the tree' % (self.origin, place))
                entry = json.loads(leaf)
                if entry['n'] != place or entry['time'] < last: problem('log', '%s: entry %d is out of order' % (self.origin, place))
                last = entry['time']
                entry['log'], entry['ms'], entry['bytes'] = self.origin, when(entry['time']), leaf
                self.leaves.append(entry)
        before = [each for each in self.leaves if each['ms'] < TO]
        if not (before and before[-1]['kind'] == 'log.close') and len(before) == len(self.leaves): problem('complete', '%s ends before the period does' % self.origin)
    def signed_note(self, note):
        text, signatures = note.rsplit(b'\n\n', 1)
        text += b'\n'
        origin, size, root = text.decode().split('\n')[:3]
        good = False
        for line in signatures.decode().splitlines():
            _, name, data = line.split(' ')
            data = base64.b64decode(data)
            for key in keys:
                if name == origin and data[:4] == sha(name.encode() + b'\n\x01' + key)[:4] and signed(text, data[4:], key): good = True
        if not good: problem('signature', 'a checkpoint of %s is not signed by any of the keys given' % origin)
        return origin, int(size), base64.b64decode(root)
    # Gives roots for sizes that grow: each bundle is hashed once.
    def growing_root(self):
        bundles, rest, done = [], [], [0, 0]
        def grow(edge, count, hash):
            while count & 1: hash, count = node(edge.pop(), hash), count >> 1
            edge.append(hash)
        def at(size):
            while done[0] < size // 256:
                below = self.levels[0][done[0] * 256:done[0] * 256 + 256]
                grow(bundles, done[0], self.levels[1][done[0]] if None in below else mth(below))
                done[0], done[1] = done[0] + 1, 0
                rest.clear()
            missing = self.levels[0][done[0] * 256 + done[1]:size]
            if None in missing: return None
            for hash in missing: grow(rest, done[1], hash); done[1] += 1
            root = None
            for left in reversed(bundles + rest): root = left if root is None else node(left, root)
            return root
        return at
    def root_at(self, size):
        rest, level = None, 0
        while size and level < len(self.levels):
            above = size // 256
            nodes = self.levels[level][above * 256:size] + ([rest] if rest is not None else [])
            if None in nodes: return None
            if nodes: rest = mth(nodes)
            size, level = above, level + 1
        return rest
logs = {each['log']: Log(each) for each in scope['logs']}
for place in range(len(logs)):
    if '%s/%d' % (scope['gateway'], place) not in logs: problem('log', 'there is no log %d' % place)
for name in kept:
    note = read(name)
    origin = note.split(b'\n', 1)[0].decode()
    if origin not in logs: problem('fork', 'a checkpoint of %s was kept, and the pack has no such log' % origin); continue
    _, size, root = logs[origin].signed_note(note)
    if size > logs[origin].size: say('The checkpoint of %s that was kept is newer than the pack: not compared.' % origin, file=sys.stderr)
    elif size and logs[origin].root_at(size) != root: problem('fork', 'the first %d entries of %s are not those that were seen once' % (size, origin))
leaves = [leaf for log in logs.values() for leaf in log.leaves]
# What logs say of each other and of themselves, and one root over all of them: of the heads that stand with it, the log's own among them.
head = lambda each: sha(b'\x00' + ('%s\n%d\n%s\n' % (each['log'], each['size'], base64.b64encode(bytes.fromhex(each['root'])).decode())).encode())
heads, last_own = {}, {}
for leaf in leaves:
    if leaf['ms'] >= TO: continue
    anchors, said = leaf['data'].get('anchors', []), leaf['data'].get('rootOverLogs')
    for anchor in anchors:
        if anchor['log'] not in logs: problem('log', 'other logs tell of %s, and the pack does not have it' % anchor['log'])
        heads.setdefault(anchor['log'], set()).add((anchor['size'], bytes.fromhex(anchor['root'])))
    if leaf['kind'] != 'log.heartbeat' or said is None: continue
    itself = dict(leaf['data'].get('own') or {'size': 0, 'root': ''}, log=leaf['log'])
    if mth([head(each) for each in sorted(anchors + [itself], key=lambda each: each['log'].encode())]).hex() == said: last_own[leaf['log']] = itself
    else: problem('log', 'entry %d of %s: the root over the logs is not that of the logs that are named with it' % (leaf['n'], leaf['log']))
for name, itself in last_own.items(): heads.setdefault(name, set()).add((itself['size'], bytes.fromhex(itself['root'])))
for name in sorted(set(heads) & set(logs)):
    log, at_size = logs[name], None
    for size, root in sorted(heads[name]):
        if size > log.size: problem('fork', '%s had %d entries once, and has %d here' % (name, size, log.size)); break
        if size == 0: continue
        if at_size is None: at_size = log.growing_root()
        # Hashes before the first entry may have been pruned: then nobody can tell.
        if at_size(size) not in [root] + [None] * (size < log.first): problem('fork', '%s is not the log that was told of: not in its first %d entries' % (name, size)); break
own = {leaf['data'][name] for leaf in leaves if FROM <= leaf['ms'] < TO and leaf['data'].get('session') == ONLY for name in ('approval', 'recording') if name in leaf['data']}
concerns = lambda leaf: ONLY is None or leaf['data'].get('session') == ONLY or leaf['data'].get('approval') in own or leaf['data'].get('recording') in own
inside = [leaf for leaf in leaves if FROM <= leaf['ms'] < TO and concerns(leaf)]
at = {(leaf['log'], leaf['n']): leaf for leaf in leaves}

# ---- sessions, as the logs tell them
sessions = {}
for log in logs.values():
    number = None
    for leaf in log.leaves:
        if leaf['kind'] == 'log.open': number = 0
        if leaf['ms'] >= TO: continue
        id = leaf['data'].get('session')
        if leaf['kind'] == 'session.start':
            if number is not None and leaf['data']['number'] != number + 1: problem('complete', 'entry %d of %s: a session was left out before it' % (leaf['n'], log.origin))
            number = leaf['data']['number']
            sessions.setdefault(id, {})['start'] = leaf
        elif leaf['kind'] == 'session.end': sessions.setdefault(id, {})['end'] = leaf
        elif leaf['kind'] == 'session.recovered': sessions.setdefault(id, {}).setdefault('recovered', leaf)
        if id in sessions and leaf['kind'] in ('session.start', 'session.end', 'operation.deny', 'data.clear', 'data.masked'):
            sessions[id]['leaves'] = sessions[id].get('leaves', 0) + 1
ends = lambda each: each.get('end', each.get('recovered'))
sessions = {id: each for id, each in sessions.items() if ends(each) is None or ends(each)['ms'] >= FROM}
shown = {id: each for id, each in sessions.items() if ONLY is None or id == ONLY}
for id, each in shown.items():
    if 'end' in each and 'start' in each and each['end']['data']['leaves'] != each['leaves']: problem('complete', 'the session %s lacks entries in the log' % id)

# ---- tables
def table(name):
    with open(path(*name.split('/')), encoding='utf-8', newline='') as file: yield from csv.DictReader(file)
plain = lambda text: text[1:] if text[:1] == "'" and text[1:2] in tuple('=+-@\t\r') else text
def same(name, wanted, found):
    wanted, found = Counter(wanted), Counter(found)
    for each in wanted - found: problem('derived', '%s lacks %r' % (name, each))
    for each in found - wanted: problem('derived', '%s has %r, which the log does not' % (name, each))
text = lambda value: '' if value is None else str(value)
begun = lambda each: each.get('start', {'time': '', 'data': {}})
same('E09/sessions.csv',
     [(id, text(begun(each)['data'].get('subject')), text(begun(each)['data'].get('amr')), text(begun(each)['data'].get('acr')), begun(each)['time'], ends(each)['time'] if ends(each) else '') for id, each in shown.items()],
     [(row['session'],) + (tuple(plain(row[name]) for name in ('subject', 'amr', 'acr', 'started')) if row['log_index'] else ('', '', '', '')) + (row['ended'],) for row in table('E09/sessions.csv')])
denied = {(leaf['log'], leaf['data']['request']): leaf['data']['code'] for leaf in inside if leaf['kind'] == 'api.denied' and 'request' in leaf['data']}
same('E05/steps.csv',
     [(leaf['log'], text(leaf['n']), leaf['time'], leaf['kind'], text(leaf['data'].get('approval')), text(leaf['data'].get('session')), text(leaf['data'].get('digest')), text(leaf['data'].get('actorSubject')), text(leaf['data'].get('actorAmr')), text(leaf['data'].get('actorAcr')), denied.get((leaf['log'], leaf['data'].get('request')), '')) for leaf in inside if re.match('(approval|grant)[.]', leaf['kind'])],
     [(row['log'], row['log_index'], row['time'], row['step'], row['approval'], row['session'], row['digest'], plain(row['subject']), plain(row['amr']), plain(row['acr']), row['refused']) for row in table('E05/steps.csv')])
for name, kind in (('E07/masked.csv', 'data.masked'), ('E07/clear.csv', 'data.clear')):
    same(name,
         [(leaf['log'], text(leaf['n']), leaf['data']['session'], each['class'], text(each['rule']), text(each['values'])) for leaf in inside if leaf['kind'] == kind for each in leaf['data']['values']],
         [(row['log'], row['log_index'], row['session'], row['class'], row['rule'], row['values']) for row in table(name)])
# Entries about the gateway's own doings, each told in one of these tables; refused logins and calls; the life of the logs.
ALONE = {'session.start', 'session.end', 'session.recovered', 'journal.segment', 'operation.deny', 'data.clear', 'data.masked'}
LIFE = {'log.open', 'log.keys', 'log.recovered', 'log.timestamp', 'log.timestamp_failed', 'log.close'}
RETENTION = re.compile('(hold|retention|erase|session[.](erase|expire)|journal[.](expire|prune|erase)|log[.](expire|prune))')
READS = re.compile('(log[.]read|policy[.](read|explain|simulate)|masking[.]scan|audit[.]|evidence[.])')
def told_in(kind):
    if kind in ('login.refused', 'api.denied'): return 'E06/calls.csv'
    if kind in LIFE: return 'E10/life.csv'
    if kind in ALONE or kind == 'log.heartbeat' or re.match('(approval|grant)[.]', kind): return None
    return 'E10/readers.csv' if READS.match(kind) else 'E10/delivery.csv' if kind.startswith('sink.') else 'E11/events.csv' if RETENTION.match(kind) else 'E08/changes.csv'
for name in ('E06/calls.csv', 'E08/changes.csv', 'E10/readers.csv', 'E10/delivery.csv', 'E10/life.csv', 'E11/events.csv'):
    wanted = [leaf for leaf in inside if told_in(leaf['kind']) == name]
    if name == 'E11/events.csv' and not wanted and name not in named: continue
    found = list(table(name))
    same(name, [(leaf['log'], text(leaf['n']), leaf['time'], leaf['kind']) for leaf in wanted], [(row['log'], row['log_index'], row['time'], row['kind']) for row in found])
    # Who it was: where the log says it (the journal may say more).
    for row in found:
        leaf = at.get((row['log'], int(row['log_index'])))
        if leaf is None or leaf['kind'] != row['kind']: continue
        if name == 'E10/life.csv': right = json.loads(row['detail']) == leaf['data']
        elif name == 'E06/calls.csv': right = 'code' not in leaf['data'] or plain(row['code']) == text(leaf['data']['code'])
        else: right = 'actorSubject' not in leaf['data'] or plain(row['subject']) == text(leaf['data']['actorSubject'])
        if not right: problem('derived', '%s tells entry %s of %s otherwise than the log' % (name, row['log_index'], row['log']))
same('E10/checkpoints.csv', [(log.origin, text(log.size), log.root.hex()) for log in logs.values()], [(row['log'], row['size'], row['root']) for row in table('E10/checkpoints.csv')])
beats = Counter(leaf['log'] for leaf in leaves if leaf['kind'] == 'log.heartbeat' and FROM <= leaf['ms'] < TO)
same('E01/logs.csv', [(log.origin, text(log.first), text(log.size), log.root.hex(), text(beats[log.origin])) for log in logs.values()],
     [(row['log'], row['first_index'], row['entries'], row['root'], row['heartbeats']) for row in table('E01/logs.csv')])
same('E05/approvals.csv', {leaf['data']['approval'] for leaf in inside if re.match('(approval|grant)[.]', leaf['kind']) and 'approval' in leaf['data']}, [row['approval'] for row in table('E05/approvals.csv')])
members = {}
for leaf in inside:
    if leaf['kind'] != 'gateway.roles': continue
    for role, name in (('admin', 'admins'), ('auditor', 'auditors')):
        for each in leaf['data'][name]: members.setdefault((role,) + tuple(text(each.get(field)) for field in ('issuer', 'group', 'subject')), []).append(leaf['time'])
same('E02/roles.csv', [key + (min(times), max(times)) for key, times in members.items()], [tuple(plain(row[name]) for name in ('role', 'issuer', 'group', 'subject', 'first', 'last')) for row in table('E02/roles.csv')])
rules = []
for leaf in sorted((each for each in leaves if each['kind'] == 'retention.rules' and each['ms'] < TO), key=lambda each: (each['ms'], each['log'], each['n'])):
    if not rules or rules[-1]['data'] != leaf['data']: rules.append(leaf)
same('E11/rules.csv', [(leaf['log'], text(leaf['n']), leaf['time'], text(leaf is rules[-1]).lower()) for leaf in rules], [(row['log'], row['log_index'], row['time'], row['in_force']) for row in table('E11/rules.csv')])
# Recordings of terminals: the session names its own, and the last judgement before the end of the period is what is told of it.
recorded = {id: each['start']['data']['recording'] for id, each in shown.items() if 'recording' in each.get('start', {'data': {}})['data']}
judged = {}
for leaf in sorted(leaves, key=lambda leaf: leaf['ms']):
    if leaf['kind'] == 'client_recording.judge' and leaf['ms'] < TO: judged[leaf['data']['recording']] = leaf
counts = {}
for leaf in inside: counts[leaf['kind']] = counts.get(leaf['kind'], 0) + 1
same('E01/entries.csv', [(kind, str(count)) for kind, count in counts.items()], [(row['kind'], row['entries']) for row in table('E01/entries.csv')])

# ---- journals: the root of each segment is in the log, and the table of operations is what the entries say
segments = {}
for leaf in leaves:
    if leaf['kind'] == 'journal.segment': segments.setdefault((leaf['data']['journalOfSegment'], leaf['data']['segment']), leaf)
slices = sorted((each.split('/')[1], int(each.split('/')[2][:-4]), each) for each in named if each.startswith('journal/'))
place_of = lambda key: (segments[key]['log'], text(segments[key]['n']), text(segments[key]['data']['entries']), segments[key]['data']['root']) if key in segments else ('', '', '', '')
same('E01/segments.csv', [each[:2] + place_of(each[:2]) for each in slices], [(row['journal'], int(row['segment']), row['log'], row['log_index'], row['entries'], row['root']) for row in table('E01/segments.csv')])
# What retention deleted: by a word of the log (journal.prune) after the segment was sealed, and of sessions whose content had ended by then. All else is missing.
after = lambda one, other: one['n'] > other['n'] if (one['log'], one['ms']) == (other['log'], other['ms']) else one['ms'] >= other['ms']
prunes, content_ends, session_ends, process_begun = {}, {}, {}, {}
for leaf in sorted(leaves, key=lambda leaf: (leaf['ms'], leaf['log'], leaf['n'])):
    process_begun.setdefault(leaf['journal'], leaf['ms'])
    if leaf['kind'] == 'journal.prune': prunes.setdefault(leaf['data']['journalOfSegment'], []).append(leaf)
    elif leaf['kind'] in ('session.expire', 'session.erase'): content_ends.setdefault(leaf['data']['session'], []).append(leaf)
    elif leaf['kind'] in ('session.end', 'session.recovered'): session_ends.setdefault(leaf['data']['session'], leaf)
prune_of = lambda key: next((each for each in prunes.get(key[0], []) if each['data']['through'] >= key[1] and after(each, segments[key])), None)
def may_hold(key):
    sealed = segments[key]['ms']
    if not FROM <= sealed: return False
    earlier = segments.get((key[0], key[1] - 2))
    return sealed < TO or (process_begun.get(key[0], TO) if key[1] <= 2 else earlier['ms'] if earlier else 0) < TO
deleted = {}
for key, leaf in segments.items():
    if key in {each[:2] for each in slices} or not may_hold(key): continue
    if prune_of(key): deleted[key] = prune_of(key)
    elif FROM <= leaf['ms'] < TO: problem('complete', 'segment %d of %s is not in the pack, and nothing says that it was deleted in order' % (key[1], key[0]))
def deletion(id, each):
    journal = each['start']['journal'] if 'start' in each else each['recovered']['data']['journalOfSession']
    begin = each['start']['ms'] if 'start' in each else 0
    holds_it = lambda prune: any(key[0] == journal and key[1] <= prune['data']['through'] and leaf['ms'] >= begin and after(prune, leaf) for key, leaf in segments.items())
    for ended in content_ends.get(id, []) if id in session_ends else []:
        if not after(ended, session_ends[id]) or (ended['kind'] == 'session.expire' and ended['data']['journalOfSession'] != journal): continue
        for prune in prunes.get(journal, []):
            if after(prune, ended) and holds_it(prune): return ended, prune
# Held, or too early, as far as the entries here tell: of a hold from before the first entry of some log nobody knows whether it was released there.
visible = max([0] + [log.leaves[0]['ms'] for log in logs.values() if log.leaves[0]['n'] > 0])
hold_changes = []
for leaf in leaves:
    if leaf['kind'] == 'hold.release' or (leaf['kind'] == 'hold.add' and leaf['ms'] >= visible): hold_changes.append((leaf['ms'], leaf['n'], leaf['log'], leaf['kind'] == 'hold.add', leaf['data']))
    for each in leaf['data'].get('holds', []) if leaf['kind'] == 'log.prune' else []:
        hold_changes += [(when(each['from']), 0, '', True, each), (when(each['until']), 0, '', False, each)]
hold_changes.sort(key=lambda each: each[:2])
def covered(content, place):
    force = {}
    for ms, n, log, placed, hold in hold_changes:
        if not (ms < place['ms'] or (ms == place['ms'] and (n < place['n'] if log == place['log'] else not placed))): continue
        if placed: force[hold['hold']] = hold
        else: force.pop(hold['hold'], None)
    names = {'session': content.get('session'), 'target': content.get('target'), 'subject': content.get('subject')}
    return any(hold['value'] == names.get(hold['scope']) and (hold['scope'] != 'subject' or hold.get('holdIssuer') == content.get('issuer')) for hold in force.values())
def keep(entry, target):
    rules = [leaf['data'] for leaf in logs[entry['log']].leaves if leaf['kind'] == 'retention.rules' and leaf['n'] < entry['n']]
    if not rules: return 0
    return {each['target']: each['recordings'] for each in rules[-1].get('targets', [])}.get(target, rules[-1]['recordings'])
def check_deleted(gone):
    words = list(deleted.values()) + [each for pair in gone.values() for each in pair]
    for log in logs.values():
        if log.leaves[-1]['kind'] != 'log.close' and log.leaves[-1]['ms'] < max([0] + [each['ms'] for each in words]): problem('complete', '%s ends before what was deleted was deleted' % log.origin)
    for key, prune in deleted.items():
        if not segments[key]['ms'] + keep(prune, None) <= when(prune['data']['knownTime']) <= prune['ms']: problem('complete', 'segment %d of %s was deleted before its time' % (key[1], key[0]))
    for id, (ended, prune) in gone.items():
        content = dict(sessions[id].get('start', ended)['data'], session=id)
        if covered(content, ended): problem('complete', 'the content of %s ended under a hold' % id)
        if ended['kind'] != 'session.expire': continue
        told_end, kept_for = when(ended['data']['endedAt']), ended['data']['keepMs']
        if not told_end + kept_for <= when(ended['data']['knownTime']) <= ended['ms'] or kept_for < keep(ended, content.get('target')) or session_ends[id]['ms'] > told_end:
            problem('complete', 'the content of %s expired before its time' % id)
    for name, wanted in (('E01/deleted.csv', [(key[0], str(key[1]), prune['time'], prune['log'], str(prune['n'])) for key, prune in deleted.items()]),
                         ('E11/deleted.csv', [(id, '', prune['time'], prune['log'], str(prune['n']), ended['time'], ended['log'], str(ended['n'])) for id, (ended, prune) in gone.items()])):
        if not wanted and name not in named: continue
        columns = ('journal', 'segment', 'deleted', 'prune_log', 'prune_index') if name[:3] == 'E01' else ('session', '', 'deleted', 'prune_log', 'prune_index', 'content_ended', 'log', 'log_index')
        same(name, wanted, [tuple(row.get(each, '') for each in columns) for row in table(name)] if name in named else [])
rows, decided = {}, {}
for row in table('E04/operations.csv'):
    key = (row['session'], int(row['sequence']))
    if key in rows: problem('derived', 'E04/operations.csv has %s#%d twice' % key)
    rows[key] = (when(row['time']), row['statement_sha256'], row['status'], row['rows'], row['journal'], int(row['segment']), int(row['entry']))
    decided[key] = (row['verdict'], row['policy'], row['rule'])
    start = sessions.get(row['session'], {}).get('start')
    if start and (plain(row['subject']), plain(row['target'])) != (text(start['data'].get('subject')), text(start['data'].get('target'))):
        problem('derived', 'E04/operations.csv: %s#%d is not of whom the log says' % key)
STATUS = ('ok', 'error', 'refused', 'cancelled', 'lost', 'unknown')
records = {each.split('/')[1]: {} for each in named if each.startswith('sessions/')}
u48 = lambda data, at: int.from_bytes(data[at:at + 6], 'big')
told, open_ops, ids, started, erased, streams, session_keys = {}, {}, {}, set(), set(), {}, {}
started_at, defined, masked, unread, decisions, readable, unseen = {}, {}, Counter(), [], {}, {}, Counter()
READABLE = {1: lambda facts: isinstance(facts['effects'], list), 2: lambda decision: isinstance(decision['effect'], str) and isinstance(decision['policy'], str)}
def definition(type, data):
    try: value = json.loads(data); return (type, value if READABLE.get(type, bool)(value) else None)
    except (ValueError, KeyError, TypeError): return (type, None)
for line in read(path('keys', 'sessions.ndjson')).decode().splitlines() if 'keys/sessions.ndjson' in named else []:
    each = json.loads(line)
    session_keys[(each['journal'], each['number'])] = each['key']
# Bytes of a payload that stand in the clear where the rest is encrypted.
fixed = lambda size: lambda body: size
CLEAR = {1: lambda body: 1 + body[0], 2: fixed(6), 3: fixed(5), 4: fixed(35), 5: fixed(7), 6: fixed(6), 7: fixed(6), 8: fixed(13), 9: fixed(14), 10: lambda body: 26 + (1 + 10 * body[26] if body[25] & 4 else 0), 11: lambda body: 2 + int.from_bytes(body[:2], 'big')}
for id, each in sessions.items():
    if 'start' in each: ids[(each['start']['journal'], each['start']['data']['number'])] = id
def close(key, status, count):
    time, digest, place = open_ops.pop(key)
    if not FROM <= time < TO: return
    row = rows.pop(key, None)
    if row is None: problem('derived', 'E04/operations.csv lacks %s#%d' % key); return
    if key in decisions and tuple(map(plain, decided[key])) != decisions[key]: problem('derived', 'E04/operations.csv: %s#%d was decided otherwise' % key)
    if row[0] != time or row[1] != digest.hexdigest() or row[4:] != place: problem('derived', 'E04/operations.csv: %s#%d is not what the journal says' % key)
    if status is None:
        if row[2] not in ('open', 'refused') or row[3]: problem('derived', 'E04/operations.csv: %s#%d has no outcome in the journal' % key)
    elif row[2] != status or row[3] != str(count): problem('derived', 'E04/operations.csv: %s#%d has another outcome in the journal' % key)
for journal, segment, name in slices:
    data = memoryview(read(path(*name.split('/'))))
    if data[:4] != b'GWS1': problem('journal', '%s is no slice' % name); continue
    offset, stack, index = 4, [], 0
    while offset < len(data):
        raw = opening = None
        if data[offset] == 0: leaf_hash, offset = bytes(data[offset + 1:offset + 33]), offset + 33
        else:
            form, time, length = data[offset], u48(data, offset + 1), int.from_bytes(data[offset + 7:offset + 11], 'big')
            raw = bytes(data[offset + 11:offset + 11 + length])
            leaf_hash, offset = sha(b'\x00' + data[offset + 1:offset + 7] + raw), offset + 11 + length
            if form == 2:
                length = int.from_bytes(data[offset:offset + 4], 'big')
                opening, offset = bytes(data[offset + 4:offset + 4 + length]), offset + 4 + length
        count = index
        while count & 1: leaf_hash, count = node(stack.pop(), leaf_hash), count >> 1
        stack.append(leaf_hash)
        index += 1
        if raw is None: continue
        kind, number, body = raw[0], struct.unpack('>I', raw[2:6])[0], raw[12:]
        hidden = raw[1] == 1 and opening is None
        # The content of a session ends as a whole, with its key: who shows some of it withholds the rest.
        if raw[1] == 1 and readable.setdefault((journal, number), not hidden) == hidden:
            problem('journal', 'session %d of %s has entries that are shown without their content, and others with it' % (number, journal)); readable[(journal, number)] = not hidden
        if raw[1] == 1:
            clear, extra = CLEAR[kind](body), 32 if kind in (1, 4, 5) else 16 if kind == 2 else 0
            position, ciphertext = u48(body, clear + extra), body[clear + extra + 6:]
            if opening is not None:
                if len(opening) != len(ciphertext) or (kind in (1, 4, 5) and sha(opening) != body[clear:clear + 32]):
                    problem('journal', 'entry %d of %s is not what it is said to be' % (index - 1, name)); continue
                if (journal, number) in session_keys: streams.setdefault((journal, number), []).append((position, ciphertext, opening))
                elif number and ids.get((journal, number)) in records and kind != 1: problem('journal', 'the key of session %d of %s is missing' % (number, journal))
            plain_text = opening[16:] if opening is not None and kind in (1, 4, 5) else opening or b''
            if kind == 1: body = plain_text if opening is not None else json.dumps({'session': body[1:clear].decode()}).encode()
            else: body = body[:clear] + plain_text
        if number == 0: continue
        if kind == 1:
            begin = json.loads(body)
            id = begin['session']
            if begin.get('recording') is not None: recorded.setdefault(id, begin['recording'])
            if raw[1] == 1 and id.encode() != raw[13:13 + raw[12]]: problem('journal', 'entry %d of %s is not what it is said to be' % (index - 1, name))
            ids[(journal, number)] = id
            started.add(id)
            started_at[id] = begin.get('startedAt', 0)
            told[id] = 0
        id = ids.get((journal, number))
        if id is None: problem('journal', 'entry %d of %s is of a session that never began' % (index - 1, name)); continue
        if hidden:
            erased.add(id)
            unseen[id] += 1
            if kind == 4: told[id] = told.get(id, 0) + 1
            continue
        if kind == 3:
            if body[:4] == bytes(4): defined[id] = {}
            defined.setdefault(id, {})[bytes(body[:4])] = definition(body[4], body[5:])
        elif kind == 4:
            key = (id, u48(body, 0))
            if key in open_ops: close(key, None, 0)
            length = int.from_bytes(body[31:35], 'big')
            exact = body[35:35 + length]
            told[id] = told.get(id, 0) + 1
            for type, place in ((1, 6), (2, 10)) if FROM <= time < TO else ():
                known = defined.get(id, {}).get(bytes(body[place:place + 4]), (0, None))
                if known[0] != type or known[1] is None: unread.append(key)
                elif type == 2: decisions[key] = (known[1]['effect'], known[1]['policy'], text(known[1].get('rule')))
            open_ops[key] = (time, hashlib.sha256(exact), (journal, segment, index - 1))
            if id in records: records[id][key[1]] = {'text': exact, 'result': b'', 'status': None}
        elif kind == 5 and body[6] == 0:
            key = (id, u48(body, 0))
            if key in open_ops: open_ops[key][1].update(body[7:])
            if id in records and key[1] in records[id]: records[id][key[1]]['text'] += body[7:]
        elif kind == 6 and id in records and u48(body, 0) in records[id]: records[id][u48(body, 0)]['result'] += body[6:]
        elif kind == 10:
            key, status, count = (id, u48(body, 0)), STATUS[body[6] - 1], u48(body, 7)
            if id in records and key[1] in records[id]: records[id][key[1]]['status'] = status
            for place in range(27, 27 + 10 * body[26], 10) if body[25] & 4 and key in open_ops and FROM <= open_ops[key][0] < TO else []:
                way = defined.get(id, {}).get(bytes(body[place:place + 4]), (4, None))[1] or {}
                masked[(id, way.get('class'), way.get('treatment'), way.get('rule'))] += u48(body, place + 4)
            if key in open_ops: close(key, status, count)
        elif kind == 2:
            for key in [each for each in open_ops if each[0] == id]: close(key, None, 0)
    root = None
    while stack: root = stack.pop() if root is None else node(stack.pop(), root)
    leaf = segments.get((journal, segment))
    if leaf is None or leaf['data']['root'] != (root or sha(b'')).hex() or leaf['data']['entries'] != index: problem('journal', '%s is not the segment that the log has' % name)
for key in list(open_ops): close(key, None, 0)
# The key of a session that is shown as a whole gives what is shown (AES-256-GCM with the nonce 0: CTR from 2 on).
for (journal, number), pieces in streams.items():
    at_byte = end = pieces[0][0]
    for position, ciphertext, opening in pieces:
        if position != end: problem('journal', 'session %d of %s lacks entries' % (number, journal)); break
        end += len(ciphertext)
    else:
        stream, shown_text = b''.join(each[1] for each in pieces), b''.join(each[2] for each in pieces)
        pad = at_byte % 16
        run = ['openssl', 'enc', '-d', '-aes-256-ctr', '-nopad', '-K', session_keys[(journal, number)], '-iv', '%024x%08x' % (0, 2 + at_byte // 16)]
        if subprocess.run(run, input=bytes(pad) + stream, capture_output=True).stdout[pad:] != shown_text:
            problem('journal', 'what is shown of session %d of %s is not what is encrypted' % (number, journal))
for key in rows: problem('derived', 'E04/operations.csv has %s#%d, which no journal has' % key)
# What cannot be read was erased or expired, by a word of the log after the end of its session.
if unseen or 'E11/hidden.csv' in named:
    same('E11/hidden.csv', [(id, str(count)) for id, count in unseen.items()], [(row['session'], row['entries']) for row in table('E11/hidden.csv')] if 'E11/hidden.csv' in named else [])
for id in sorted(unseen):
    if not any(after(ended, session_ends[id]) for ended in content_ends.get(id, []) if id in session_ends):
        say('The content of %s cannot be read, and nothing in the log says that it was erased or had expired.' % id, file=sys.stderr)
gone = {id: deletion(id, each) for id, each in shown.items() if id not in started and deletion(id, each)}
check_deleted(gone)
erased |= set(gone)
for id, each in shown.items():
    if id in gone: continue
    if 'start' in each and id not in started: problem('complete', 'the session %s is in no journal' % id)
    if 'start' in each and 'end' in each and 'operations' in each['end']['data'] and told.get(id) != each['end']['data']['operations']:
        problem('complete', 'the session %s has %s operations, its end says %d' % (id, told.get(id), each['end']['data']['operations']))

for id, sequence in unread:
    if id not in gone: problem('complete', 'nobody can read what was decided of %s#%d, or what it was' % (id, sequence))
# What a session masked in all, as the log says it, is what its operations masked.
for leaf in inside:
    id = leaf['data'].get('session')
    if leaf['kind'] != 'data.masked' or id in erased or started_at.get(id, 0) < FROM: continue
    for each in leaf['data']['values']:
        if masked[(id, each['class'], each['treatment'], each['rule'])] != each['values']: problem('complete', 'the session %s masked %d values of %s, the log says %d' % (id, masked[(id, each['class'], each['treatment'], each['rule'])], each['class'], each['values']))

denials = [leaf for leaf in inside if leaf['kind'] == 'operation.deny']
operation_of = lambda leaf: (leaf['data']['session'], leaf['data']['operation'])
same('E06/operations.csv',
     [(leaf['log'], text(leaf['n']), leaf['data']['session'], text(leaf['data']['operation'])) for leaf in denials if operation_of(leaf) in decided],
     [(row['log'], row['log_index'], row['session'], row['sequence']) for row in table('E06/operations.csv') if row['log_index']])
# At the end of the period an entry may be in it and its operation not.
for leaf in denials:
    if operation_of(leaf) not in decided and leaf['ms'] < TO - 1000 and leaf['data']['session'] not in erased:
        problem('derived', 'E04/operations.csv lacks %s#%d, which entry %d of %s denies' % (operation_of(leaf) + (leaf['n'], leaf['log'])))
same('E01/gaps.csv', [(leaf['log'], text(leaf['n']), leaf['kind'], text(leaf['data'].get('session'))) for leaf in inside if leaf['kind'] in ('log.recovered', 'session.recovered')],
     [(row['log'], row['log_index'], row['what'], row['session']) for row in table('E01/gaps.csv') if not row['what'].startswith('terminal.')])

if recorded or os.path.exists(path('E09', 'terminals.csv')):
    of = lambda recording: judged.get(recording, {'log': '', 'n': '', 'data': {'state': 'missing', 'digest': ''}})
    same('E09/terminals.csv',
         [(id, recording, of(recording)['data']['state'], of(recording)['data']['digest'], of(recording)['log'], text(of(recording)['n'])) for id, recording in recorded.items()],
         [(row['session'], row['recording'], row['state'], row['sha256'], row['log'], row['log_index']) for row in table('E09/terminals.csv')])
    gaps = [row['session'] for row in table('E01/gaps.csv') if row['what'].startswith('terminal.')]
    same('E01/gaps.csv', [row['session'] for row in table('E09/terminals.csv') if row['agrees'] == 'false'], gaps)
    for row in table('E09/terminals.csv'):
        word = of(row['recording'])['data']
        whole, same_output = word['state'] == 'complete' and not word.get('differs'), row['session'] in word.get('compared', '').split(', ')
        if row['agrees'] != 'false' and (not whole or (row['agrees'] == 'true') != same_output): problem('derived', 'E09/terminals.csv says %s of the recording of %s' % (row['agrees'], row['session']))

# ---- records, approvals and proofs of the sessions that were drawn
def included(leaf, index, size, proof, root):
    hash, last = sha(b'\x00' + leaf), size - 1
    for sibling in proof:
        if last == 0: return False
        if index & 1 or index == last:
            hash = node(sibling, hash)
            while not index & 1 and index: index, last = index >> 1, last >> 1
        else: hash = node(hash, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and hash == root
for id, operations in records.items():
    found, screens, record = {}, {}, 'sessions/%s/record.ndjson' % id
    if record not in named and id not in gone: problem('derived', '%s is missing' % record)
    for line in read(path(*record.split('/'))).decode().splitlines() if record in named else []:
        entry = json.loads(line)
        if entry['kind'] == 'start' and entry['session'] != id: problem('derived', 'sessions/%s has the record of %s' % (id, entry['session']))
        exact = lambda: entry['text'].encode() if 'text' in entry else base64.b64decode(entry['base64'])
        if entry['kind'] == 'operation': found[entry['sequence']] = {'text': exact(), 'result': b'', 'status': None}
        elif entry['kind'] == 'result': found[entry['sequence']]['result'] = base64.b64decode(entry['base64'])
        elif entry['kind'] == 'output': screens.setdefault(entry['sequence'], []).append(base64.b64decode(entry['base64']))
        elif entry['kind'] == 'outcome': found[entry['sequence']]['status'] = entry['status']
    # What a terminal was sent stands piece by piece, in front of its operation.
    for sequence, pieces in screens.items():
        if sequence in found: found[sequence]['result'] += b''.join(pieces)
    if found != operations: problem('derived', 'sessions/%s/record.ndjson is not what the journal says' % id)
    told_approvals = json.loads(read(path('sessions', id, 'approval.json')))
    steps = [(step['log'], step['index'], step['kind'], step['session'], step['digest'], each['approval'], step['subject']) for each in told_approvals['approvals'] for step in each['steps']]
    own = {leaf['data']['approval'] for leaf in inside if re.match('(approval|grant)[.]', leaf['kind']) and leaf['data'].get('session') == id}
    wanted = [(leaf['log'], leaf['n'], leaf['kind'], leaf['data'].get('session'), leaf['data'].get('digest'), leaf['data']['approval'], leaf['data'].get('actorSubject')) for leaf in inside if re.match('(approval|grant)[.]', leaf['kind']) and leaf['data'].get('approval') in own]
    if told_approvals['session'] != id or sorted(steps, key=str) != sorted(wanted, key=str): problem('derived', 'sessions/%s/approval.json is not what the log says' % id)
    for name, kinds in (('proof.tlog-proof', ('session.start',)), ('proof-end.tlog-proof', ('session.end', 'session.recovered'))):
        if 'sessions/%s/%s' % (id, name) not in named: continue
        head, checkpoint = read(path('sessions', id, name)).split(b'\n\n', 1)
        lines = head.decode().split('\n')
        leaf = base64.b64decode(lines[1].split(' ')[1])
        entry, index = json.loads(leaf), int(lines[2].split(' ')[1])
        log = next((each for each in logs.values() if each.checkpoint == checkpoint), None)
        good = lines[0] == 'c2sp.org/tlog-proof@v1' and entry['data']['session'] == id and entry['kind'] in kinds and log is not None
        if not good or not included(leaf, index, log.size, [base64.b64decode(each) for each in lines[3:]], log.root): problem('derived', 'sessions/%s/%s proves nothing' % (id, name))
for name in named:
    if name.startswith('policies/') and sha(read(path(*name.split('/')))).hex() + '.json' != name[9:]: problem('derived', '%s is not the policy that its name says' % name)

if PROBLEMS: say('The pack does NOT verify: %d problem%s.' % (len(PROBLEMS), 's' * (len(PROBLEMS) != 1))); sys.exit(1)
say('The pack of %s, %s to %s, verifies: %d files, %d entries of the log, %d sessions, %d segments of journals%s.' % (scope['gateway'], scope['from'], scope['to'], len(named), sum(each.size for each in logs.values()), len(shown), len(slices), '; %d segments and %d sessions were deleted by retention, as the log says' % (len(deleted), len(gone)) if deleted or gone else ''))
PYTHON
