/** The judgement of a recording of the CLI, over a store in memory: no session slips in while it is made, and a length that cannot be is a problem. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FrameSealer } from '../../src/base/sealed-frames.js';
import { encodeEvent, TERMINAL_EVENT } from '../../src/base/terminal-events.js';
import type { ClientRecording, ClientRecordingEnd, ClientRecordingStore } from '../../src/contract/client-recording.js';
import type { Identity } from '../../src/contract/identity.js';
import { ClientRecordings } from '../../src/recording/client/client-recordings.js';

const BEGAN = 1_800_000_000_000;
const ann = { issuer: 'i', subject: 's', name: 'ann' } as Identity;

/** A recording of `durationMs`, uploaded as a whole an hour after it began. */
async function uploaded(durationMs: number) {
  let now = BEGAN;
  let row = {} as ClientRecording;
  let [key, closed, judged]: [Buffer, boolean, readonly string[]] = [Buffer.alloc(0), false, []];
  const pieces: Buffer[] = [];
  const store = {
    create: (made, secret) => {
      row = { ...made, state: 'open', received: 0, digest: null, durationMs: null, problems: [], compared: [], uncompared: [] };
      key = secret;
      return Promise.resolve();
    },
    find: () => Promise.resolve(row),
    append: (_, __, bytes) => {
      pieces.push(bytes);
      row = { ...row, received: row.received + bytes.length };
      return Promise.resolve(row.received);
    },
    close: () => {
      closed = true;
      return Promise.resolve();
    },
    isClosed: () => Promise.resolve(closed),
    end: (_, end, sessions) => {
      row = { ...row, ...end };
      judged = sessions;
      return Promise.resolve(true);
    },
    key: () => Promise.resolve(key),
    content: async function* () {
      yield* await Promise.resolve(pieces);
    },
    countLoose: () => Promise.resolve(0),
    looseBytes: () => Promise.resolve(row.received),
    sessions: () => Promise.resolve([]),
    list: () => Promise.resolve([row]),
  } satisfies ClientRecordingStore;
  const recordings = new ClientRecordings(store, { now: () => now, monotonic: () => now }, () => null);
  const id = recordings.newId();
  await recordings.begin(id, ann, ['web-1']);
  const sealer = new FrameSealer(key, id);
  const event = (code: number, at: number, text: string): Buffer => sealer.seal(encodeEvent({ code, at, data: Buffer.from(text) }));
  const all = Buffer.concat([event(TERMINAL_EVENT.begin, 0, '{}'), event(TERMINAL_EVENT.exit, durationMs, '{"code":0}')]);
  await recordings.append(row, 0, all);
  now += 3_600_000;
  const digest = createHash('sha256').update(all).digest('hex');
  return {
    id,
    recordings,
    end: (tell: (end: ClientRecordingEnd) => Promise<void> = () => Promise.resolve()) => recordings.end(row, all.length, digest, tell),
    judged: () => judged,
  };
}

describe('a recording that is being judged', () => {
  it('admits no session, nor does it after a judgement that was cut off; it can be judged again', async () => {
    const { id, recordings, end } = await uploaded(1_000);
    await recordings.admit(id, ann, 'web-1');
    let refused: unknown;
    await expect(
      end(async () => {
        refused = await recordings.admit(id, ann, 'web-1').catch((error: unknown) => error);
        throw new Error('the gateway dies');
      }),
    ).rejects.toThrow('the gateway dies');
    expect(refused).toMatchObject({ code: 'recording.unknown' });
    await expect(recordings.admit(id, ann, 'web-1')).rejects.toMatchObject({ code: 'recording.unknown' });
    expect(await end()).toMatchObject({ state: 'complete', problems: [] });
  });
});

describe('a recording that says how long it lasted', () => {
  it.each([
    [3_600_000, []],
    [3_610_000, []],
    [3_610_001, ['it says that it lasted longer than since it began']],
    [30 * 86_400_000, ['it says that it lasted longer than since it began']],
  ])('of %d milliseconds, an hour after it began', async (durationMs, problems) => {
    const { end, judged } = await uploaded(durationMs);
    expect((await end()).problems).toEqual(problems);
    expect(judged()).toEqual([]);
  });
});
