/** What a peer can make a channel do or keep has bounds, whatever it sends, and nothing comes behind the end of a stream. Counted, not timed. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Guard } from '../../../src/contract/protocol.js';
import type { Verdict } from '../../../src/contract/verdict.js';
import { Channel } from '../../../src/protocols/ssh/channel.js';
import { Channels } from '../../../src/protocols/ssh/channels.js';
import { CHANNELS, LEAST_PACKET, REPLIES, WAITING_BYTES, WAITING_BYTES_TOGETHER } from '../../../src/protocols/ssh/codec/limits.js';
import { about, data, MESSAGE, OPEN_REFUSED, windowAdjust } from '../../../src/protocols/ssh/codec/messages.js';
import { headOf, SFTP, SftpSplitter, STATUS, sftpInit, sftpStatus } from '../../../src/protocols/ssh/codec/sftp.js';
import { message, string, uint32 } from '../../../src/protocols/ssh/codec/wire.js';
import type { Legs } from '../../../src/protocols/ssh/legs.js';
import { operationOf, unknownFacts } from '../../../src/protocols/ssh/operations.js';
import { OutputQueue } from '../../../src/protocols/ssh/output-queue.js';
import { ReplyOrder } from '../../../src/protocols/ssh/reply-order.js';
import { SftpRelay } from '../../../src/protocols/ssh/sftp/sftp-relay.js';
import { WaitingBytes } from '../../../src/protocols/ssh/waiting-bytes.js';
import { Windows } from '../../../src/protocols/ssh/windows.js';

const VIOLATION = expect.objectContaining({ code: 'protocol.violation' });
const NO = { allowed: false, decision: { reasons: [] } } as unknown as Verdict;
const YES = { allowed: true } as Verdict;

const sftp = (type: number, ...parts: readonly Buffer[]): Buffer => string(message(type, ...parts));
const remove = (id: number, path: string): Buffer => sftp(SFTP.remove, uint32(id), string(path));
/** Of a handle that nobody opened. */
const read = (id: number): Buffer => sftp(SFTP.read, uint32(id), string('none'), uint32(0), uint32(0), uint32(100));
const types = (messages: readonly Buffer[]): (number | undefined)[] => messages.map((each) => each[0]);

/** Both legs, and what went over them; questions are held until the test answers them. */
class Wires {
  readonly down: Buffer[] = [];
  readonly up: Buffer[] = [];
  readonly questions: ((verdict: Verdict) => void)[] = [];
  readonly legs = {
    guard: {
      transport: () => YES,
      finish: () => undefined,
      receive: () => undefined,
      deliver: (_verdict: Verdict, bytes: Uint8Array) => bytes,
    } as Partial<Guard> as Guard,
    down: (head, body) => void this.down.push(Buffer.concat([head, body ?? Buffer.alloc(0)])),
    up: (_verdict, head, body) => void this.up.push(Buffer.concat([head, body ?? Buffer.alloc(0)])),
    ask: (_operation, _speaker, then) => void this.questions.push(then),
    withdraw: () => undefined,
  } as Partial<Legs> as Legs;

  /** A session that both sides opened. */
  channel(): Channel {
    const channel = new Channel(this.legs, 0, 'session', null, new WaitingBytes());
    channel.serverId = 0;
    return channel;
  }

  /** One on which SFTP runs and was greeted, with so much room at the client. */
  sftp(window = 1 << 20): Channel {
    const channel = this.channel();
    channel.windows.fromClient(window);
    channel.windows.fromTarget(1 << 24);
    channel.verdict = YES;
    channel.sftp = new SftpRelay(channel, this.legs, YES);
    channel.clientData(data(0, sftpInit()));
    channel.serverData(data(0, sftp(SFTP.version, uint32(3))));
    channel.serverData(data(0, sftpStatus(0, STATUS.failure, '')));
    this.down.length = 0;
    this.up.length = 0;
    return channel;
  }
}

describe('words of the gateway', () => {
  it('go out in packets as short as the client wants them, byte for byte', () => {
    const wires = new Wires();
    const channel = wires.channel();
    channel.clientPacket = 1;
    channel.windows.fromClient(16_000);
    channel.say('é\r\n');
    expect(wires.down.map((each) => each[0])).toEqual(Array(4).fill(MESSAGE.extendedData));
    expect(Buffer.concat(wires.down.map((each) => each.subarray(13))).toString()).toBe('é\r\n');
  });
});

describe('replies', () => {
  it.each(['remote', 'local'] as const)('that are owed are only so many: one more (%s) is a violation, and is not once one was given', (last) => {
    expect(REPLIES).toBeLessThanOrEqual(100_000);
    const replies = new ReplyOrder();
    for (let asked = 0; asked < REPLIES; asked++) replies.remote();
    expect(() => replies[last](() => undefined)).toThrow(VIOLATION);
    expect(replies.answered(() => undefined)).toBe(true);
    replies[last](() => undefined);
    expect(() => replies[last](() => undefined)).toThrow(VIOLATION);
  });

  it('keep their order over many more than may be owed at a time', () => {
    const replies = new ReplyOrder();
    const order: number[] = [];
    let asked = 0;
    for (let round = 0; round < 20; round++) {
      for (let each = 0; each < REPLIES / 8; each++) {
        const [remote, local] = [asked++, asked++];
        replies.remote((pass) => {
          order.push(remote);
          pass();
        });
        replies.local(() => void order.push(local));
      }
      for (let each = 0; each < REPLIES / 8 - (round < 3 ? 100 : 0); each++) expect(replies.answered(() => undefined)).toBe(true);
    }
    while (replies.answered(() => undefined));
    expect(order).toEqual(Array.from({ length: asked }, (_, at) => at));
  });
});

describe('channels that the target opens while something is held', () => {
  const offer = (number: number): Buffer =>
    message(MESSAGE.open, string('forwarded-tcpip'), ...[number, 1 << 20, 32_768].map(uint32), string('h'), uint32(1), string('o'), uint32(1));

  it('have a number each', () => {
    const wires = new Wires();
    const channels = new Channels(wires.legs);
    channels.openByServer(offer(7));
    expect(() => channels.openByServer(offer(7))).toThrow(VIOLATION);
    expect(wires.questions.length).toBe(1);
    // Once it was refused its number is free.
    wires.questions[0]?.(NO);
    channels.openByServer(offer(7));
    wires.questions[1]?.(YES);
    expect(() => channels.openByServer(offer(7))).toThrow(VIOLATION);
    expect(wires.down.map((each) => each[0])).toEqual([MESSAGE.open]);
  });

  it('count with those that are open', () => {
    const wires = new Wires();
    const channels = new Channels(wires.legs);
    for (let number = 0; number < CHANNELS; number++) channels.openByServer(offer(number));
    expect(wires.up).toEqual([]);
    channels.openByServer(offer(CHANNELS));
    expect(wires.questions.length).toBe(CHANNELS);
    expect(wires.up.map((each) => [each[0], each.readUInt32BE(1), each.readUInt32BE(5)])).toEqual([[MESSAGE.openFailure, CHANNELS, OPEN_REFUSED.shortage]]);
    // One that is let through counts once.
    wires.questions[0]?.(YES);
    wires.questions[1]?.(NO);
    channels.openByServer(offer(CHANNELS));
    expect(wires.questions.length).toBe(CHANNELS + 1);
  });
});

describe('a CLOSE', () => {
  it('of the target is the last that the client of SFTP hears, whatever it still asks', () => {
    const wires = new Wires();
    const channel = wires.sftp();
    channel.clientData(data(0, read(1)));
    expect(types(wires.down)).toEqual([MESSAGE.data, MESSAGE.windowAdjust]);
    channel.serverLeft(about(MESSAGE.close, 0));
    const up = wires.up.length;
    channel.clientData(data(0, read(2)));
    channel.clientData(data(0, remove(3, '/a')));
    expect(types(wires.down)).toEqual([MESSAGE.data, MESSAGE.windowAdjust, MESSAGE.close]);
    expect([wires.questions.length, wires.up.length]).toEqual([0, up]);
  });

  it('of the target is behind no answer that waited for room', () => {
    const wires = new Wires();
    const channel = wires.sftp(400);
    channel.windows.spend(channel.windows.budget);
    channel.clientData(data(0, read(1)));
    channel.serverLeft(about(MESSAGE.close, 0));
    channel.clientWindow(windowAdjust(0, 1 << 20));
    expect(types(wires.down)).toEqual([MESSAGE.windowAdjust, MESSAGE.close]);
  });

  it('of the target is behind no question about what waited', () => {
    const wires = new Wires();
    const channel = wires.sftp();
    channel.clientData(data(0, Buffer.concat([remove(1, '/a'), remove(2, '/b')])));
    channel.serverLeft(about(MESSAGE.close, 0));
    wires.questions[0]?.(NO);
    channel.clientWindow(windowAdjust(0, 1 << 20));
    expect(wires.questions.length).toBe(1);
  });

  it('is behind no bytes and no room of any other channel', () => {
    const wires = new Wires();
    const channel = wires.channel();
    channel.serverLeft(about(MESSAGE.close, 0));
    channel.sendDown(Buffer.from('late'));
    channel.creditClient(10);
    expect(types(wires.down)).toEqual([MESSAGE.close]);
  });
});

/** Counts how often it is cut. */
class CountedBytes extends Uint8Array {
  static cuts = 0;

  override subarray(from?: number, to?: number): Uint8Array<ArrayBuffer> {
    CountedBytes.cuts++;
    return new Uint8Array(this).subarray(from, to);
  }
}

describe('output in the place of what the target sent', () => {
  it('waits in one piece, and is cut into packets as it goes out', () => {
    const out: string[] = [];
    const windows = new Windows(true);
    windows.fromClient(0);
    const queue = new OutputQueue(windows, {
      data: (bytes, extended) => void out.push(`${extended ? 'err' : 'out'} ${bytes.toString()}`),
      tell: (told) => void out.push(told.toString()),
      credit: (bytes) => void out.push(`credit ${bytes}`),
    });
    const shown = CountedBytes.from(Buffer.from('abcdefgh'.repeat(8_192)));
    CountedBytes.cuts = 0;
    queue.show(shown, false, shown.length, 3);
    expect(CountedBytes.cuts).toBeLessThanOrEqual(1);
    queue.show(Buffer.from('xyz'), true, 3, 2);
    expect(queue.behind(Buffer.from('EOF'))).toBe(true);
    expect(out).toEqual([]);
    windows.widenedByClient(7);
    queue.widened(7);
    expect(out).toEqual(['out abc', 'out def', 'out g']);
    windows.widenedByClient(shown.length - 8);
    queue.widened(shown.length - 8);
    expect(out.slice(3, 5)).toEqual(['out hab', 'out cde']);
    windows.widenedByClient(100);
    queue.widened(100);
    expect(out.slice(-5)).toEqual(['out h', 'err xy', 'err z', 'EOF', `credit ${shown.length + 99}`]);
    expect(
      out
        .filter((each) => each.startsWith('out '))
        .map((each) => each.slice(4))
        .join(''),
    ).toBe('abcdefgh'.repeat(8_192));
  });
});

describe('a client that takes packets of hardly a byte', () => {
  const open = (packet: number): Buffer => message(MESSAGE.open, string('session'), ...[5, 1 << 20, packet].map(uint32));

  it('gets no channel of that kind, and its next one', () => {
    const wires = new Wires();
    const channels = new Channels(wires.legs);
    channels.openByClient(open(LEAST_PACKET - 1));
    expect([wires.down[0]?.[0], wires.down[0]?.readUInt32BE(5), wires.up.length]).toEqual([MESSAGE.openFailure, OPEN_REFUSED.shortage, 0]);
    channels.openByClient(open(LEAST_PACKET));
    expect(types(wires.up)).toEqual([MESSAGE.open]);
  });

  it('takes none that the target opens', () => {
    const wires = new Wires();
    const channels = new Channels(wires.legs);
    channels.openByServer(
      message(MESSAGE.open, string('forwarded-tcpip'), ...[7, 1 << 20, 32_768].map(uint32), string('h'), uint32(1), string('o'), uint32(1)),
    );
    wires.questions[0]?.(YES);
    const answer = (packet: number): Buffer => message(MESSAGE.openConfirmation, ...[7, 7, 1 << 20, packet].map(uint32));
    expect(() => channels.answeredByClient(answer(LEAST_PACKET - 1))).toThrow(VIOLATION);
    expect(wires.up).toEqual([]);
  });
});

/** Bytes of memory that were taken meanwhile for buffers. */
function taken(meanwhile: () => void): number {
  const ways = (['from', 'alloc', 'allocUnsafe', 'allocUnsafeSlow', 'concat'] as const).map((way) => vi.spyOn(Buffer, way));
  meanwhile();
  return ways.flatMap(({ mock }) => mock.results.map(({ value }) => (value as Buffer).length)).reduce((sum, bytes) => sum + bytes, 0);
}

describe('requests of SFTP that wait', () => {
  afterEach(() => void vi.restoreAllMocks());
  const PIECES = 300;

  it.each([
    ['for a verdict', (channel: Channel) => channel.clientData(data(0, remove(1, '/a')))],
    [
      'for room',
      (channel: Channel) => {
        channel.windows.spend(channel.windows.budget);
        channel.clientData(data(0, read(1)));
      },
    ],
  ])('%s are not copied again with each byte that comes, and are all there', (_, wait) => {
    const wires = new Wires();
    const channel = wires.sftp();
    wait(channel);
    // An unknown handle's, so each is answered here.
    const requests = Buffer.concat(Array.from({ length: 3_000 }, (_each, at) => read(at + 10)));
    const held = requests.length - PIECES;
    for (let from = 0; from < held; from += 30_000) channel.clientData(data(0, requests.subarray(from, Math.min(held, from + 30_000))));
    const pieces = Array.from(requests.subarray(held), (byte) => data(0, Buffer.of(byte)));
    const say = (): void => {
      for (const piece of pieces) channel.clientData(piece);
    };
    expect(taken(say)).toBeLessThan(3 * requests.length);
    wires.down.length = 0;
    wires.questions[0]?.(NO);
    channel.clientWindow(windowAdjust(0, 1 << 20));
    const answers = wires.down.filter((each) => each[0] === MESSAGE.data).map((each) => each.readUInt32BE(9 + 5));
    expect(answers.slice(1)).toEqual(Array.from({ length: 3_000 }, (_each, at) => at + 10));
  });

  it('are cut the same, however they come and whenever they are kept', () => {
    const stream = Buffer.concat([
      sftpInit(),
      remove(1, '/some/path'),
      sftp(SFTP.write, uint32(2), string('handle'), uint32(0), uint32(0), string(Buffer.alloc(500, 'x'))),
      remove(3, '/other'),
    ]);
    const cut = (sizes: readonly number[]): string[] => {
      const splitter = new SftpSplitter(headOf);
      const parts: string[] = [];
      let bytes = '';
      for (let from = 0, at = 0; from < stream.length; at++) {
        // The memory that it came in is used again.
        const chunk = Buffer.from(stream.subarray(from, (from += sizes[at % sizes.length] ?? 1)));
        splitter.push(chunk);
        if (at % 3 !== 1)
          for (let part = splitter.next(); part !== null; part = splitter.next()) {
            if (part.kind === 'data') bytes += part.bytes.toString('hex');
            else parts.push(`${part.kind} ${part.packet.toString('hex')}`);
          }
        splitter.keep();
        chunk.fill(0);
      }
      for (let part = splitter.next(); part !== null; part = splitter.next())
        if (part.kind !== 'data') parts.push(`${part.kind} ${part.packet.toString('hex')}`);
      expect(splitter.held).toBe(0);
      return [...parts, bytes];
    };
    const whole = cut([stream.length]);
    expect(whole.length).toBe(5);
    for (const sizes of [[1], [2, 3], [7], [5, 1, 40], [300, 1]]) expect(cut(sizes)).toEqual(whole);
  });
});

describe('messages behind a question', () => {
  const asks = (channel: Channel): void => channel.ask(operationOf('request', unknownFacts('x'), Buffer.from('x'), 'x'), () => undefined);
  const adjust = windowAdjust(0, 1);
  /** How many go in before it is a violation. */
  const flood = (channel: Channel, most: number): number => {
    let sent = 0;
    const send = (): void => {
      for (; sent < most; sent++) channel.take(adjust);
    };
    expect(send).toThrow(VIOLATION);
    return sent;
  };

  it('are counted with what they cost', () => {
    const channel = new Wires().channel();
    asks(channel);
    expect(flood(channel, 200_000)).toBeLessThanOrEqual(WAITING_BYTES / 100);
  });

  it('of all channels of a connection together are only so many, and no more once they went on', () => {
    const wires = new Wires();
    const channels = new Channels(wires.legs);
    const last = 40;
    for (let number = 0; number <= last; number++) {
      channels.openByClient(message(MESSAGE.open, string('session'), ...[number, 1 << 20, 32_768].map(uint32)));
      channels.answeredByServer(message(MESSAGE.openConfirmation, ...[number, number, 1 << 20, 32_768].map(uint32)));
      channels.fromClient(message(MESSAGE.channelRequest, uint32(number), string('x'), Buffer.of(0)));
    }
    expect(wires.questions.length).toBe(last + 1);
    const signal = (number: number): Buffer => message(MESSAGE.channelRequest, uint32(number), string('signal'), Buffer.of(0), string('x'.repeat(200_000)));
    let number = 0;
    let waits = 0;
    const fill = (): void => {
      for (; number < last; number++) for (let each = 0; each < 16; each++, waits += 200_000) channels.fromClient(signal(number));
    };
    expect(fill).toThrow(VIOLATION);
    expect(waits).toBeGreaterThan(WAITING_BYTES_TOGETHER - 250_000);
    expect(waits).toBeLessThan(WAITING_BYTES_TOGETHER);
    // What went on waits no more.
    wires.questions[0]?.(NO);
    for (let each = 0; each < 12; each++) channels.fromClient(signal(last));
  });
});

describe('the end of what an SFTP client says', () => {
  const ended = (up: readonly Buffer[]): (number | undefined)[] => types(up.filter((each) => each[0] !== MESSAGE.windowAdjust));

  it('goes up behind a request that is held, and what waits behind that', () => {
    const wires = new Wires();
    const channel = wires.sftp();
    channel.clientData(data(0, Buffer.concat([remove(1, '/a'), remove(2, '/b')])));
    channel.clientEof(about(MESSAGE.eof, 0));
    expect(wires.up).toEqual([]);
    wires.questions[0]?.(YES);
    expect(ended(wires.up)).toEqual([MESSAGE.data]);
    wires.questions[1]?.(YES);
    expect(ended(wires.up)).toEqual([MESSAGE.data, MESSAGE.data, MESSAGE.eof]);
    channel.clientWindow(windowAdjust(0, 100));
    expect(ended(wires.up)).toEqual([MESSAGE.data, MESSAGE.data, MESSAGE.eof]);
  });

  it('goes up where the request is refused, where it is cut short, and at once where nothing waits', () => {
    const wires = new Wires();
    const channel = wires.sftp();
    channel.clientData(data(0, remove(1, '/a')));
    channel.clientEof(about(MESSAGE.eof, 0));
    wires.questions[0]?.(NO);
    expect(ended(wires.up)).toEqual([MESSAGE.eof]);
    for (const before of [Buffer.alloc(0), remove(1, '/a').subarray(0, 12)]) {
      const others = new Wires();
      const other = others.sftp();
      other.clientData(data(0, before));
      other.clientEof(about(MESSAGE.eof, 0));
      expect(ended(others.up)).toEqual([MESSAGE.eof]);
    }
  });

  it('goes up behind a request that waits until an answer of the gateway has room', () => {
    const wires = new Wires();
    const channel = wires.sftp();
    channel.windows.spend(channel.windows.budget);
    channel.clientData(data(0, Buffer.concat([read(1), remove(2, '/a')])));
    channel.clientEof(about(MESSAGE.eof, 0));
    expect(ended(wires.up)).toEqual([]);
    channel.clientWindow(windowAdjust(0, 1 << 20));
    expect([wires.questions.length, ended(wires.up)]).toEqual([1, []]);
    wires.questions[0]?.(YES);
    expect(ended(wires.up)).toEqual([MESSAGE.data, MESSAGE.eof]);
  });

  it('does not go up once the client or the target closed', () => {
    for (const leave of [(channel: Channel) => channel.clientLeft(), (channel: Channel) => channel.serverLeft(about(MESSAGE.close, 0))]) {
      const wires = new Wires();
      const channel = wires.sftp();
      channel.clientData(data(0, remove(1, '/a')));
      channel.clientEof(about(MESSAGE.eof, 0));
      leave(channel);
      wires.questions[0]?.(YES);
      expect(wires.up.filter((each) => each[0] === MESSAGE.eof)).toEqual([]);
    }
  });
});
