/**
 * Results as a malicious or broken server sends them, through the engine of a session: split at every byte they are masked as they are whole;
 * malformed ones end the session and show nothing; a description that lies about where a column comes from shows no more.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { ClassView, MaskingDoor, MaskingView } from '../../src/contract/masking-policy.js';
import type { EngineContext } from '../../src/contract/protocol.js';
import type { Verdict } from '../../src/contract/verdict.js';
import { PostgresEngine } from '../../src/protocols/postgres/engine.js';
import { prepareParser } from '../../src/protocols/postgres/facts/index.js';
import { writtenCatalog } from '../protocols/postgres/lineage/written-catalog.js';
import { Dice } from '../redteam/dice.js';
import { maskingForTests } from '../support/masking.js';
import { frame, int32, query } from '../support/raw-client.js';
import { CANARIES, canariesIn } from './canary.js';

const SECRET = CANARIES[0]?.text ?? '';
const catalog = writtenCatalog({ tables: { 'public.c': 'id ssn name', 'public.plain': 'id word' } });
const C = 16_384;
const PLAIN = 16_385;

const how = (treatment: ClassView['treatment']): ClassView => ({
  class: 'ssn',
  treatment,
  rule: null,
  keepLength: false,
  showBin: false,
  conditions: 'allow',
  detect: false,
  screen: false,
  output: false,
  resolvedBy: null,
  onApproval: null,
});
const view = (treatment: ClassView['treatment']): MaskingView => ({
  classes: [how(treatment)],
  hides: true,
  resolvesTokens: false,
  unknown: { ...how('mask'), class: 'unknown' },
  opensDetected: false,
  detectedClasses: () => [],
  columnClasses: (name, column) => (name.at(-1) === 'c' && column === 'ssn' ? [how(treatment)] : []),
});

beforeAll(prepareParser);

interface Column {
  readonly name: string;
  readonly relation?: number;
  readonly column?: number;
  readonly type?: number;
  readonly format?: number;
}

const int16 = (value: number): Buffer => {
  const out = Buffer.alloc(2);
  out.writeInt16BE(value);
  return out;
};
const description = (...columns: readonly Column[]): Buffer =>
  frame(
    'T',
    int16(columns.length),
    ...columns.flatMap(({ name, relation = 0, column = 0, type = 25, format = 0 }) => [
      `${name}\0`,
      int32(relation),
      int16(column),
      int32(type),
      int16(-1),
      int32(-1),
      int16(format),
    ]),
  );
const row = (...values: readonly (string | Buffer | null)[]): Buffer =>
  frame('D', int16(values.length), ...values.flatMap((value) => (value === null ? [int32(-1)] : [int32(Buffer.from(value).length), value])));
const complete = (tag = 'SELECT 1'): Buffer => frame('C', `${tag}\0`);
const ready = frame('Z', 'I');
const copyOut = (columns: number, binary = false): Buffer =>
  frame('H', Buffer.from([binary ? 1 : 0]), int16(columns), ...Array.from({ length: columns }, () => int16(binary ? 1 : 0)));
const line = (text: string): Buffer => frame('d', text);

/** What the client gets when the server's answer comes in these pieces; `ended`: the session did not survive it. */
function answered(text: string, pieces: readonly Buffer[], treatment: ClassView['treatment'] = 'mask'): { readonly sent: Buffer; readonly ended: boolean } {
  const sent: Buffer[] = [];
  const door: MaskingDoor = maskingForTests()(view(treatment));
  const verdict = { allowed: true, decision: { limits: {} } } as unknown as Verdict;
  const context = {
    readOnly: false,
    statementLimit: 65_536,
    guard: {
      check: () => verdict,
      consider: () => verdict,
      transport: () => verdict,
      deliver: (_: Verdict, chunk: Uint8Array) => chunk,
      receive: () => undefined,
      masking: () => door,
      masked: () => undefined,
      described: () => undefined,
      finish: () => undefined,
    },
    catalog: () => catalog,
    recheckCatalog: () => Promise.resolve(),
    sendUp: () => undefined,
    sendDown: (chunk: Uint8Array) => void sent.push(Buffer.from(chunk)),
    pauseClient: () => undefined,
    resumeClient: () => undefined,
    pauseTarget: () => undefined,
    resumeTarget: () => undefined,
    registerCancelKey: () => undefined,
    end: () => undefined,
  } as unknown as EngineContext;
  const engine = new PostgresEngine(
    context,
    { welcomed: true } as ConstructorParameters<typeof PostgresEngine>[1],
    {
      state: { transactionStatus: 'I', greeting: Buffer.alloc(0), cancelKey: null },
    } as unknown as ConstructorParameters<typeof PostgresEngine>[2],
  );
  engine.fromClient(query(text));
  let ended = false;
  try {
    for (const piece of pieces) engine.fromTarget(Buffer.from(piece));
  } catch {
    ended = true;
  }
  return { sent: Buffer.concat(sent), ended };
}

const RESULTS: readonly (readonly [name: string, text: string, answer: Buffer])[] = [
  [
    'rows',
    'select id, ssn, name from c',
    Buffer.concat([
      description({ name: 'id', relation: C, column: 1, type: 23 }, { name: 'ssn', relation: C, column: 2 }, { name: 'name', relation: C, column: 3 }),
      row('1', SECRET, 'Ada'),
      row('2', null, ''),
      row('3', SECRET.slice(5), null),
      complete('SELECT 3'),
      ready,
    ]),
  ],
  ['an expression', "select ssn || '' from c", Buffer.concat([description({ name: '?column?' }), row(SECRET), complete(), ready])],
  ['no rows', 'select ssn from c', Buffer.concat([description({ name: 'ssn', relation: C, column: 2 }), complete('SELECT 0'), ready])],
  ['rows of no columns', 'select from c', Buffer.concat([description(), row(), row(), complete('SELECT 2'), ready])],
  [
    'several results',
    'select name from c; select ssn from c; select 1',
    Buffer.concat([
      description({ name: 'name', relation: C, column: 3 }),
      row('Ada'),
      complete(),
      description({ name: 'ssn', relation: C, column: 2 }),
      row(SECRET),
      complete(),
      description({ name: '?column?', type: 23 }),
      row('1'),
      complete(),
      ready,
    ]),
  ],
  [
    'an error amid a result',
    'select ssn from c',
    Buffer.concat([
      description({ name: 'ssn', relation: C, column: 2 }),
      row(SECRET),
      frame('E', `SERROR\0VERROR\0C22P02\0Minvalid input: "${SECRET}"\0D${SECRET}\0H${SECRET}\0W${SECRET}\0\0`),
      ready,
    ]),
  ],
  [
    'a notice amid a result',
    'select ssn from c',
    Buffer.concat([
      description({ name: 'ssn', relation: C, column: 2 }),
      row(SECRET),
      frame('N', `SNOTICE\0VNOTICE\0C00000\0M${SECRET}\0\0`),
      row(SECRET),
      complete('SELECT 2'),
      ready,
    ]),
  ],
  ['a setting', 'select f() from c', Buffer.concat([description({ name: 'f' }), frame('S', `application_name\0${SECRET}\0`), row(SECRET), complete(), ready])],
  [
    'COPY as text',
    'copy c to stdout',
    Buffer.concat([copyOut(3), line(`1\t${SECRET}\tAda\n`), line('2\t\\N\t\\\\\\t\n'), frame('c'), complete('COPY 2'), ready]),
  ],
  [
    'COPY as CSV',
    'copy c to stdout (format csv, header)',
    Buffer.concat([copyOut(3), line('id,ssn,name\n'), line(`1,"${SECRET}","A ""d"", a\n"\n`), line('2,,\n'), frame('c'), complete('COPY 2'), ready]),
  ],
  [
    'COPY as binary',
    'copy c to stdout (format binary)',
    Buffer.concat([
      copyOut(3, true),
      frame('d', Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), int32(0), int32(0), int16(3), int32(1), '1', int32(SECRET.length), SECRET, int32(-1)),
      frame('d', int16(-1)),
      frame('c'),
      complete('COPY 1'),
      ready,
    ]),
  ],
];

describe('split anywhere', () => {
  it.each(RESULTS)('%s is masked as it is whole', (_name, text, answer) => {
    for (const treatment of ['mask', 'token', 'partial', 'null'] as const) {
      const whole = answered(text, [answer], treatment);
      expect(whole.ended).toBe(false);
      if (treatment !== 'partial') expect(canariesIn(whole.sent)).toEqual([]);
      for (let at = 1; at < answer.length; at++) {
        const { sent, ended } = answered(text, [answer.subarray(0, at), answer.subarray(at)], treatment);
        if (ended || !sent.equals(whole.sent))
          expect({ at, ended, sent: sent.toString('latin1') }).toEqual({ at, ended: false, sent: whole.sent.toString('latin1') });
      }
      const bytes = answered(
        text,
        [...answer].map((byte) => Buffer.of(byte)),
        treatment,
      );
      expect(bytes.sent.equals(whole.sent)).toBe(true);
    }
  });
});

describe('malformed', () => {
  it.each(RESULTS)('%s with any byte changed, cut or repeated shows nothing', (_name, text, answer) => {
    const dice = new Dice(20_261_126);
    for (let round = 0; round < 1_500; round++) {
      const broken = Buffer.from(answer);
      for (let changes = 1 + dice.below(3); changes > 0; changes--) {
        const at = dice.below(broken.length);
        // The text of the secret itself stays: a changed one could be found no more.
        if (!insideSecret(broken, at)) broken[at] = dice.chance(0.5) ? dice.below(256) : ((broken[at] ?? 0) + dice.pick([1, 255])) & 0xff;
      }
      const cut = dice.chance(0.2) ? broken.subarray(0, dice.below(broken.length)) : broken;
      const twice = dice.chance(0.1) ? Buffer.concat([cut, answer]) : cut;
      const at = dice.below(twice.length + 1);
      const { sent } = answered(text, [twice.subarray(0, at), twice.subarray(at)]);
      if (canariesIn(sent).length > 0) expect({ sent: sent.toString('latin1'), broken: broken.toString('latin1') }).toEqual({});
    }
  });

  const fine = description({ name: 'ssn', relation: C, column: 2 });
  it.each<[string, string, Buffer]>([
    ['a row without a description', 'select ssn from c', row(SECRET)],
    ['a row of more columns than described', 'select ssn from c', Buffer.concat([fine, row(SECRET, SECRET)])],
    ['a row of fewer', 'select ssn from c', Buffer.concat([fine, row()])],
    ['a row with something behind its last value', 'select ssn from c', Buffer.concat([fine, frame('D', int16(1), int32(1), 'x', SECRET)])],
    ['a value longer than its row', 'select ssn from c', Buffer.concat([fine, frame('D', int16(1), int32(9_999), SECRET)])],
    ['a value of negative length', 'select ssn from c', Buffer.concat([fine, frame('D', int16(1), int32(-2), SECRET)])],
    ['a description that ends too soon', 'select ssn from c', Buffer.concat([frame('T', int16(2), 'ssn\0'), row(SECRET, SECRET)])],
    ['COPY data that nobody announced', 'copy c to stdout', line(`${SECRET}\n`)],
    ['COPY of another format', 'copy c to stdout', Buffer.concat([copyOut(3, true), line(`1\t${SECRET}\tx\n`)])],
    ['COPY with more fields', 'copy c to stdout', Buffer.concat([copyOut(3), line(`1\tx\ty\t${SECRET}\n`)])],
    ['COPY with half a line', 'copy c to stdout', Buffer.concat([copyOut(3), line(`1\t${SECRET}`)])],
    ['CSV whose quotes do not end', 'copy c to stdout (format csv)', Buffer.concat([copyOut(3), line(`1,"${SECRET}\n`)])],
  ])('%s ends the session', (_name, text, answer) => {
    const { sent, ended } = answered(text, [answer]);
    expect(ended).toBe(true);
    expect(canariesIn(sent)).toEqual([]);
  });
});

function insideSecret(bytes: Buffer, at: number): boolean {
  for (const needle of [SECRET, SECRET.slice(5)]) {
    for (let from = bytes.indexOf(needle); from >= 0; from = bytes.indexOf(needle, from + 1)) if (at >= from && at < from + needle.length) return true;
  }
  return false;
}

describe('a description that lies', () => {
  it.each<[string, string, Column]>([
    ['about the table', 'select ssn from c', { name: 'ssn', relation: PLAIN, column: 2 }],
    ['about the column', 'select ssn from c', { name: 'ssn', relation: C, column: 3 }],
    ['that it is none', 'select ssn from c', { name: 'ssn' }],
    ['about a system column', 'select ssn from c', { name: 'ssn', relation: C, column: -1 }],
    ['about the name', 'select ssn from c', { name: 'name', relation: C, column: 3 }],
    ['about the type', 'select ssn from c', { name: 'ssn', relation: C, column: 2, type: 23 }],
    ['about a type that nobody knows', 'select ssn from c', { name: 'ssn', relation: C, column: 2, type: 999_999 }],
    ['about the format', 'select ssn from c', { name: 'ssn', relation: C, column: 2, format: 1 }],
    ['about a row that has none', "select 'x'", { name: '?column?', relation: C, column: 2 }],
    ['about a table that is not there', 'select name from c', { name: 'name', relation: 77_777, column: 1 }],
  ])('%s shows no more', (_name, text, column) => {
    const { sent } = answered(text, [Buffer.concat([description(column), row(SECRET), complete(), ready])]);
    expect(canariesIn(sent)).toEqual([]);
  });

  it('of more columns than asked for is masked whole', () => {
    const { sent } = answered('select name from c', [Buffer.concat([description({ name: 'name' }, { name: 'b' }), row(SECRET, SECRET), complete(), ready])]);
    expect(canariesIn(sent)).toEqual([]);
  });

  it('of 1600 columns is masked in the right place', () => {
    const columns = Array.from({ length: 1_600 }, (_, index) => ({ name: index === 777 ? 'ssn' : `?column?` }));
    const text = `select ${columns.map((_, index) => (index === 777 ? 'ssn' : '1')).join(', ')} from c`;
    const { sent } = answered(text, [
      Buffer.concat([description(...columns), row(...columns.map((_, index) => (index === 777 ? SECRET : '1'))), complete(), ready]),
    ]);
    expect(canariesIn(sent)).toEqual([]);
    expect(sent.includes('****')).toBe(true);
  });
});

describe('every built-in type in binary', () => {
  /** Object identifiers of pg_type.dat, arrays, ranges and pseudo-types among them. */
  const TYPES = [
    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 114, 142, 199, 600, 601, 602, 603, 604, 628, 650, 700, 701, 705, 718, 774, 790, 829, 869, 1000,
    1001, 1005, 1007, 1009, 1014, 1015, 1016, 1033, 1042, 1043, 1082, 1083, 1114, 1115, 1182, 1184, 1185, 1186, 1231, 1266, 1560, 1562, 1700, 1790, 2202, 2205,
    2206, 2249, 2276, 2278, 2950, 2951, 2970, 3220, 3614, 3615, 3642, 3734, 3769, 3802, 3807, 3831, 3904, 3906, 3908, 3910, 3912, 3926, 4072, 4089, 4096, 4191,
    4451, 4532, 4533, 4534, 4535, 4536, 5038, 5069, 100_000,
  ];

  it.each(['mask', 'token', 'partial', 'null', 'generalise'] as const)('is hidden by %s', (treatment) => {
    for (const type of TYPES) {
      for (const value of [SECRET, SECRET.slice(0, 8), SECRET.slice(0, 4), `\u0001${SECRET}`, Buffer.concat([int32(1), Buffer.from(SECRET)])]) {
        const { sent } = answered(
          'select ssn from c',
          [Buffer.concat([description({ name: 'ssn', relation: C, column: 2, type, format: 1 }), row(value), complete(), ready])],
          treatment,
        );
        const shown = treatment === 'partial' ? canariesIn(sent).filter((each) => !SECRET.endsWith(each.slice(-5, -1))) : canariesIn(sent);
        expect({ type, shown }).toEqual({ type, shown: [] });
      }
    }
  });
});
