/**
 * What it costs to mask the rows of a result: nanoseconds of processor time for each row of 250 bytes (the rows of `bench -- masking`), in whole
 * stretches as they come from a target. `node bench/micro/masked-rows.mjs`. Figures are for comparison on one machine, never a test.
 */
import { fileURLToPath } from 'node:url';
import { bundled } from './bundled.mjs';

const { Secret, DETECTED_CLASSES, createMaskingDoor, createTokenKeys, ResultMasker } = await bundled('masked-rows', [
  'base/secret',
  'contract/masking',
  'masking/index',
  'protocols/postgres/masking/result-masker',
]);

export const ROWS = 1000;
const ROUNDS = 7;
const TYPES = [23, 25, 25, 25, 1184, 23];
const NAMES = ['id', 'ssn', 'name', 'note', 'at', 'amount'];
const valuesOf = (i) => [
  String(i),
  `536-90-${String(i % 10_000).padStart(4, '0')}`,
  `customer number ${i}`,
  'some text about the order that nobody needs to hide, '.repeat(3),
  '2026-11-26 14:01:02.123456+00',
  String(i * 7),
];

const int16 = (value) => Buffer.of(value >> 8, value);
const int32 = (value) => Buffer.of(value >> 24, value >> 16, value >> 8, value);
const frame = (type, ...parts) => {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
};
const all = Array.from({ length: ROWS }, (_, i) => valuesOf(100_000 + i));
export const rows = Buffer.concat(all.map((row) => frame('D', int16(row.length), ...row.flatMap((value) => [int32(Buffer.byteLength(value)), value]))));
const copies = Buffer.concat(all.map((row) => frame('d', `${row.join('\t')}\n`)));
const description = Buffer.concat([
  int16(TYPES.length),
  ...TYPES.flatMap((type, index) => [Buffer.from(`${NAMES[index]}\0`), int32(0), int16(0), int32(type), int16(-1), int32(-1), int16(0)]),
]);
const announced = frame('H', [0], int16(TYPES.length), ...TYPES.map(() => int16(0)));
const TEXT_FORMAT = { kind: 'text', delimiter: 9, nullText: Buffer.from('\\N'), header: false, quote: 34, escape: 34 };

const keys = createTokenKeys([{ id: 1, secret: new Secret(new Uint8Array(32).fill(7)) }]);
const clock = { now: () => Date.now(), monotonic: () => performance.now() };
const how = (name, treatment, detect) => ({
  class: name,
  treatment,
  rule: null,
  keepLength: false,
  showBin: false,
  conditions: 'allow',
  detect,
  resolvedBy: null,
  onApproval: null,
});

export function maskerFor(treatment, copy) {
  const hidden = how('ssn', treatment === 'scan' ? 'mask' : treatment, false);
  const view = {
    classes: treatment === 'scan' ? DETECTED_CLASSES.map((name) => how(name, name === 'ssn' ? 'partial' : 'mask', true)) : [hidden],
    hides: true,
    unknown: hidden,
    columnClasses: (_, column) => (treatment !== 'scan' && treatment !== 'pass' && column === 'ssn' ? [hidden] : []),
  };
  const columns = TYPES.map((type, index) => ({ name: NAMES[index], number: index + 1, type }));
  const relation = { oid: 5, schema: 'public', name: 'wide', kind: 'r', columns, definition: null, parents: [] };
  const outputs = columns.map((column) => ({
    name: column.name,
    many: false,
    lineage: { columns: new Set([{ relation, column }]), exact: true, unknown: null },
  }));
  const result = {
    door: createMaskingDoor(view, keys, clock),
    catalog: null,
    statements: [{ lineage: { outputs }, copy: copy ? TEXT_FORMAT : null }],
    touches: true,
  };
  const masker = new ResultMasker(result, { description }, { masked: () => undefined }, {});
  if (copy) masker.frames(Buffer.from(announced));
  return masker;
}

/** Processor time of this process: others may use the machine. */
export function nanoseconds(work) {
  const started = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(started);
  return (user + system) * 1000;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) measure();

function measure() {
  for (const copy of [false, true]) {
    for (const treatment of ['pass', 'partial', 'mask', 'null', 'token', 'scan']) {
      const source = copy ? copies : rows;
      const stretch = Buffer.allocUnsafeSlow(source.length);
      const masker = maskerFor(treatment, copy);
      const times = treatment === 'token' ? 100 : 400;
      const figures = [];
      for (let round = 0; round < ROUNDS; round++) {
        const empty = nanoseconds(() => {
          for (let i = 0; i < times; i++) source.copy(stretch);
        });
        const full = nanoseconds(() => {
          for (let i = 0; i < times; i++) {
            source.copy(stretch);
            masker.frames(stretch);
          }
        });
        figures.push((full - empty) / times / ROWS);
      }
      const middle = figures.sort((one, other) => one - other)[ROUNDS >> 1];
      process.stdout.write(
        `${copy ? 'COPY' : 'rows'}, ${treatment}\t${middle.toFixed(0)} ns/row\t${((source.length / ROWS / middle) * 1000).toFixed(0)} MB/s\n`,
      );
    }
  }
}
