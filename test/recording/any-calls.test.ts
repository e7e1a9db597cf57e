/** Whatever order calls of several sessions come in, and wherever commits and segments fall, each session reads back as its own story. */

import { rm } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/logger.js';
import type { SessionRecorder } from '../../src/contract/recording.js';
import { recoverJournals, verifyJournal } from '../../src/recording/index.js';
import { fc } from '../support/fast-check.js';
import {
  allow,
  collect,
  crashCopy,
  deny,
  end,
  facts,
  freshDirectory,
  integrity,
  keyFile,
  keys,
  ok,
  open,
  operations,
  start,
  steppingClock,
  withDirectory,
} from './session-fixture.js';

const SESSIONS = 3;
const CAP = 50;

type Call =
  | {
      readonly do: 'operation';
      readonly session: number;
      readonly text: Uint8Array;
      readonly parameters: Uint8Array | null;
      readonly denied: boolean;
      readonly summary: number;
    }
  | { readonly do: 'delivered' | 'received'; readonly session: number; readonly which: number; readonly chunk: Uint8Array }
  | { readonly do: 'outcome'; readonly session: number; readonly which: number; readonly message: string | null; readonly rows: number }
  | { readonly do: 'event'; readonly session: number; readonly text: string }
  | { readonly do: 'end'; readonly session: number }
  | { readonly do: 'commit' };

const session = fc.nat(SESSIONS - 1);
const chunk = fc.uint8Array({ maxLength: 80 });
const call: fc.Arbitrary<Call> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('operation' as const),
      session,
      text: chunk,
      parameters: fc.option(chunk),
      denied: fc.boolean(),
      summary: fc.nat(3),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('delivered' as const, 'received' as const), session, which: fc.nat(), chunk }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('outcome' as const),
      session,
      which: fc.nat(),
      message: fc.option(fc.string({ unit: 'grapheme', maxLength: 90 })),
      rows: fc.nat(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('event' as const), session, text: fc.string() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('end' as const), session }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('commit' as const) }) },
);

interface Expected {
  readonly sequence: number;
  readonly text: Buffer;
  readonly parameters: Buffer | null;
  readonly summary: string;
  readonly denied: boolean;
  delivered: Buffer;
  received: Buffer;
  message: string | null;
  status: string | null;
}

/** The simplest possible model of one session, beside its recorder. */
interface Model {
  readonly id: string;
  readonly recorder: SessionRecorder;
  readonly all: Expected[];
  readonly events: string[];
  ended: boolean;
}

describe('any sequence of calls', () => {
  it.each([
    [false, true],
    [true, true],
    [true, false],
  ])(
    'reads back as it was made (crash at the end: %s, encrypted: %s)',
    (crash, encrypted) =>
      withDirectory(async (base) => {
        let run = 0;
        await fc.assert(
          fc.asyncProperty(fc.array(call, { maxLength: 120 }), fc.integer({ min: 200, max: 5000 }), async (calls, segmentBytes) => {
            const dir = `${base}/${run++}`;
            const journal = await open(dir, { bootId: 'w', segmentBytes, resultCap: CAP, encryption: encrypted ? keyFile : null });
            const known = Array.from({ length: 4 }, (_, i) => facts(`facts ${i}`));
            const models: Model[] = Array.from({ length: SESSIONS }, (_, i) => ({
              id: `ses_${i}`,
              recorder: journal.begin(start(`ses_${i}`)),
              all: [],
              events: [],
              ended: false,
            }));
            for (const step of calls) {
              if (step.do === 'commit') journal.commit();
              else apply(step, models[step.session] as Model, known);
            }
            let at = dir;
            if (crash) {
              journal.commit();
              at = await freshDirectory();
              await crashCopy(dir, 'w', at);
              await journal.close();
              expect((await recoverJournals(at, { clock: steppingClock(1_800_000_000_000), logger: silentLogger, keys })).failed).toEqual([]);
            } else await journal.close();
            expect(await verifyJournal(at)).toMatchObject({ intact: true, workers: [{ sessions: SESSIONS, openSessions: 0 }] });
            for (const model of models) await check(at, model, crash);
            await rm(at, { recursive: true });
          }),
          { numRuns: 120 },
        );
      }),
    180_000,
  );
});

function apply(step: Exclude<Call, { do: 'commit' }>, model: Model, known: readonly ReturnType<typeof facts>[]): void {
  if (model.ended) return;
  const { recorder, all } = model;
  const live = all.filter((operation) => !operation.denied && operation.status === null);
  if (step.do === 'operation') {
    const sequence = all.length + 1;
    const about = known[step.summary] as ReturnType<typeof facts>;
    recorder.operation(sequence, 'query', about, step.denied ? deny : allow, step.text, step.parameters);
    const parameters = step.parameters === null ? null : Buffer.from(step.parameters);
    all.push({
      sequence,
      text: Buffer.from(step.text),
      parameters,
      summary: about.summary,
      denied: step.denied,
      delivered: Buffer.alloc(0),
      received: Buffer.alloc(0),
      message: null,
      status: null,
    });
    // The recorder must have copied.
    step.text.fill(0);
    step.parameters?.fill(0);
  } else if (step.do === 'event') {
    recorder.event('test', { text: step.text });
    model.events.push(step.text);
  } else if (step.do === 'end') {
    recorder.end(end);
    model.ended = true;
  } else if (live.length > 0) {
    const operation = live[step.which % live.length] as Expected;
    if (step.do === 'outcome') {
      recorder.outcome(operation.sequence, { ...ok, rows: step.rows, message: step.message });
      operation.status = 'ok';
      operation.message = step.message;
    } else {
      recorder[step.do](operation.sequence, step.chunk);
      operation[step.do] = Buffer.concat([operation[step.do], step.chunk]);
      step.chunk.fill(0);
    }
  }
}

async function check(dir: string, model: Model, crash: boolean): Promise<void> {
  const items = await collect(dir, 'w', model.id);
  expect(integrity(items)).toMatchObject({ intact: true, live: false });
  const found = operations(items).sort((a, b) => a.sequence - b.sequence);
  expect(found.length).toBe(model.all.length);
  for (const [i, expected] of model.all.entries()) {
    const operation = found[i];
    expect(operation?.exact.equals(expected.text)).toBe(true);
    expect(operation?.parameters).toEqual(expected.parameters);
    expect(operation?.facts?.summary).toBe(expected.summary);
    expect(operation?.decision?.effect).toBe(expected.denied ? 'deny' : 'allow');
    const interrupted = crash && !model.ended && !expected.denied && expected.status === null;
    expect(operation?.outcome?.status ?? null).toBe(interrupted ? 'unknown' : expected.status);
    expect(operation?.outcome?.message ?? null).toBe(expected.message === null ? null : Buffer.from(expected.message).toString());
    for (const direction of ['delivered', 'received'] as const) {
      const whole = expected[direction];
      expect(operation?.[direction].bytes.equals(whole.subarray(0, CAP))).toBe(true);
      expect(operation?.[direction].cut).toBe(whole.length > CAP);
      if (!interrupted) expect(operation?.[direction].total).toBe(whole.length);
    }
  }
  expect(items.flatMap((item) => (item.kind === 'event' ? [item.data['text']] : []))).toEqual(model.events);
  const last = items.at(-2);
  expect(last?.kind === 'end' ? last.end.reason : null).toBe(model.ended ? 'client' : 'interrupted');
}
