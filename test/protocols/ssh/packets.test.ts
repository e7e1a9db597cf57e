/**
 * AES-GCM packets that gw opens and seals itself, against those of ssh2 in both directions, cut anywhere, over memory that is read into again. They
 * stand on what ssh2 keeps to itself: the first test fails when another version of it has that no more, and then the library does it all, slower.
 */
import { randomBytes, randomInt } from 'node:crypto';
import ssh2Crypto from 'ssh2/lib/protocol/crypto.js';
import type { Cipher, Decipher, GcmCipher, GcmDecipher } from 'ssh2/lib/protocol/Protocol.js';
import { describe, expect, it } from 'vitest';
import { opensGcm, PacketOpener } from '../../../src/protocols/ssh/transport/packet-opener.js';
import { PacketSealer, sealsGcm } from '../../../src/protocols/ssh/transport/packet-sealer.js';

interface Made {
  readonly seqno: number;
  readonly forceNative?: boolean;
  readonly [name: string]: unknown;
}
const library = ssh2Crypto as unknown as {
  readonly bindingAvailable: boolean;
  readonly CIPHER_INFO: Readonly<Record<string, { readonly keyLen: number }>>;
  createCipher(config: { outbound: Made }): Cipher & { allocPacket(bytes: number): Buffer; encrypt(packet: Buffer): void; outSeqno: number };
  createDecipher(config: { inbound: Made }): Decipher & { decrypt(data: Buffer, from: number, to: number): unknown; inSeqno: number };
};

interface Keys {
  readonly name: string;
  readonly key: Buffer;
  readonly iv: Buffer;
}
const keys = (name: string): Keys => ({ name, key: randomBytes(library.CIPHER_INFO[name]?.keyLen ?? 0), iv: randomBytes(12) });
const libraryCipher = ({ name, key, iv }: Keys, onWrite: (bytes: Buffer) => void = () => undefined, forceNative = false) =>
  library.createCipher({
    outbound: { seqno: 7, onWrite, cipherInfo: library.CIPHER_INFO[name], cipherKey: Buffer.from(key), cipherIV: Buffer.from(iv), forceNative },
  });
const libraryDecipher = ({ name, key, iv }: Keys, onPayload: (payload: Buffer) => unknown, forceNative = false) =>
  library.createDecipher({
    inbound: { seqno: 7, onPayload, decipherInfo: library.CIPHER_INFO[name], decipherKey: Buffer.from(key), decipherIV: Buffer.from(iv), forceNative },
  });

function gcmCipher(each: Keys): GcmCipher {
  const cipher = libraryCipher(each);
  if (!sealsGcm(cipher)) throw new Error('the library has another cipher');
  return cipher;
}

function gcmDecipher(each: Keys, onPayload: (payload: Buffer) => unknown): GcmDecipher {
  const decipher = libraryDecipher(each, onPayload);
  if (!opensGcm(decipher)) throw new Error('the library has another decipher');
  return decipher;
}

const CIPHERS = ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com'];
const messages = (): Buffer[] =>
  [0, 1, 10, 11, 12, 2_000, 32_777, 34_900].concat(Array.from({ length: 20 }, () => randomInt(34_900))).map((n) => randomBytes(n));

/** What the sealer makes of messages, whole; each written run is overwritten as soon as its memory is given back. */
function sealed(cipher: GcmCipher, all: readonly Buffer[], runs = 3): Buffer {
  const out: Buffer[] = [];
  const sealer = new PacketSealer((bytes, written) => {
    out.push(Buffer.from(bytes));
    bytes.fill(0xff);
    written();
  });
  all.forEach((each, i) => {
    const cut = randomInt(each.length + 1);
    sealer.seal(cipher, each.subarray(0, cut), each.subarray(cut));
    if (i % runs === 0) sealer.flush();
  });
  sealer.flush();
  return Buffer.concat(out);
}

/** Gives `bytes` to a reader in pieces, always in the same memory. */
function piecewise(bytes: Buffer, read: (chunk: Buffer) => unknown, most = 70_000): void {
  const room = Buffer.alloc(most);
  for (let at = 0; at < bytes.length; ) {
    const piece = bytes.subarray(at, at + 1 + randomInt(most));
    piece.copy(room);
    read(room.subarray(0, piece.length));
    room.fill(0xff);
    at += piece.length;
  }
}

const broken = (why: string): Error => new Error(why);

function open(decipher: GcmDecipher, bytes: Buffer, most?: number): void {
  const opener = new PacketOpener(decipher, broken);
  piecewise(bytes, (chunk) => opener.open(chunk, 0), most);
}

describe("gw's own packets", () => {
  it('are in force exactly where ssh2 has its compiled AES-GCM, and nowhere else', () => {
    expect(library.bindingAvailable).toBe(true);
    for (const name of CIPHERS) {
      expect(sealsGcm(libraryCipher(keys(name)))).toBe(true);
      expect(opensGcm(libraryDecipher(keys(name), () => undefined))).toBe(true);
      expect(sealsGcm(libraryCipher(keys(name), undefined, true))).toBe(false);
      expect(opensGcm(libraryDecipher(keys(name), () => undefined, true))).toBe(false);
    }
    expect(opensGcm(undefined)).toBe(false);
  });

  it.each(CIPHERS)('under %s are what the library reads, and its sequence numbers go on', (name) => {
    for (let round = 0; round < 20; round++) {
      const each = keys(name);
      const cipher = gcmCipher(each);
      const sent = messages();
      const got: Buffer[] = [];
      const decipher = libraryDecipher(each, (payload) => void got.push(Buffer.from(payload)), true);
      const bytes = sealed(cipher, sent);
      decipher.decrypt(bytes, 0, bytes.length);
      expect(got.map((one, i) => one.equals(sent[i] ?? Buffer.alloc(0)))).toEqual(sent.map(() => true));
      expect(cipher.outSeqno).toBe(7 + sent.length);
      expect(decipher.inSeqno).toBe(7 + sent.length);
    }
  });

  it.each(CIPHERS)('are opened as the library writes them under %s, cut anywhere, each once and in order', (name) => {
    for (let round = 0; round < 40; round++) {
      const each = keys(name);
      const written: Buffer[] = [];
      const cipher = libraryCipher(each, (bytes) => void written.push(Buffer.from(bytes)), true);
      const sent = messages();
      for (const one of sent) {
        const packet = cipher.allocPacket(one.length);
        packet.set(one, 5);
        cipher.encrypt(packet);
      }
      const got: Buffer[] = [];
      const decipher = gcmDecipher(each, (payload) => void got.push(Buffer.from(payload)));
      open(decipher, Buffer.concat(written), [3, 40, 5_000, 70_000][round % 4]);
      expect(got.map((one, i) => one.equals(sent[i] ?? Buffer.alloc(0)))).toEqual(sent.map(() => true));
      expect(decipher.inSeqno).toBe(7 + sent.length);
    }
  });

  it('that were changed anywhere end the connection, and nothing of them is looked at', () => {
    const each = keys(CIPHERS[0] ?? '');
    const good = sealed(gcmCipher(each), [Buffer.from('this is right')]);
    for (let at = 0; at < good.length; at++) {
      for (const cut of [0, 1, at, good.length - 1]) {
        const bad = Buffer.from(good);
        bad[at] = (bad[at] ?? 0) ^ (1 << randomInt(8));
        const got: Buffer[] = [];
        const opener = new PacketOpener(
          gcmDecipher(each, (payload) => void got.push(payload)),
          broken,
        );
        const readAll = (): void => {
          opener.open(bad.subarray(0, cut), 0);
          opener.open(Buffer.concat([bad.subarray(cut), Buffer.alloc(40_000)]), 0);
        };
        expect(readAll, `byte ${at}, cut at ${cut}`).toThrow();
        expect(got).toEqual([]);
      }
    }
  });

  it('come once: a packet that is sent again, left out or taken out of turn is wrong', () => {
    const each = keys(CIPHERS[0] ?? '');
    const packets = (() => {
      const cipher = gcmCipher(each);
      return ['one', 'two', 'three'].map((text) => sealed(cipher, [Buffer.from(text)]));
    })();
    for (const [first, second] of [
      [0, 0],
      [0, 2],
      [1, 0],
    ] as const) {
      const got: string[] = [];
      const opener = new PacketOpener(
        gcmDecipher(each, (payload) => void got.push(payload.toString())),
        broken,
      );
      expect(() => {
        opener.open(Buffer.from(packets[first] ?? ''), 0);
        opener.open(Buffer.from(packets[second] ?? ''), 0);
      }).toThrow();
      expect(got).toEqual(first === 0 ? ['one'] : []);
    }
  });

  it('of a length that cannot be, or with more padding than there is, are refused', () => {
    for (const length of [0, 8, 15, 17, 34_992, 0x7fffffff, 0xffffffff]) {
      const head = Buffer.alloc(8);
      head.writeUInt32BE(length);
      expect(
        () =>
          new PacketOpener(
            gcmDecipher(keys(CIPHERS[0] ?? ''), () => undefined),
            broken,
          ).open(head, 0),
        String(length),
      ).toThrow('Bad packet length');
    }
    const each = keys(CIPHERS[0] ?? '');
    const packet = Buffer.alloc(4 + 16 + 16);
    packet.writeUInt32BE(16);
    packet[4] = 16;
    gcmCipher(each)._instance.encrypt(packet);
    expect(() =>
      new PacketOpener(
        gcmDecipher(each, () => undefined),
        broken,
      ).open(packet, 0),
    ).toThrow('Bad padding length');
  });

  it('are handed over where the library goes on when it has new keys', () => {
    const each = keys(CIPHERS[0] ?? '');
    const first = sealed(gcmCipher(each), [Buffer.from('new keys')]);
    const opener = new PacketOpener(
      gcmDecipher(each, () => false),
      broken,
    );
    expect(opener.open(Buffer.concat([Buffer.from('ab'), first, Buffer.from('under others')]), 2)).toBe(2 + first.length);
    const cut = new PacketOpener(
      gcmDecipher(each, () => false),
      broken,
    );
    const again = sealed(gcmCipher(each), [Buffer.from('new keys')]);
    expect(cut.open(again.subarray(0, 9), 0)).toBeUndefined();
    expect(cut.open(Buffer.concat([again.subarray(9), Buffer.from('under others')]), 0)).toBe(again.length - 9);
  });
});

describe('memory of packets on their way out', () => {
  const big = (byte: number): Buffer => Buffer.alloc(30_000, byte);

  it('is not used again before everything written from it is out', () => {
    const each = keys(CIPHERS[0] ?? '');
    const cipher = gcmCipher(each);
    const waiting: { bytes: Buffer; copy: Buffer; written: () => void }[] = [];
    const sealer = new PacketSealer((bytes, written) => void waiting.push({ bytes, copy: Buffer.from(bytes), written }));
    const out: Buffer[] = [];
    const sent: Buffer[] = [];
    for (let i = 0; i < 400; i++) {
      const one = i % 7 === 0 ? randomBytes(randomInt(100)) : big(i % 251);
      sent.push(one);
      sealer.seal(cipher, one, Buffer.alloc(0));
      if (randomInt(3) === 0) sealer.flush();
      while (waiting.length > randomInt(12)) {
        const next = waiting.shift();
        if (next === undefined) break;
        // Nobody wrote into it meanwhile.
        expect(next.bytes.equals(next.copy)).toBe(true);
        out.push(next.copy);
        next.written();
      }
    }
    sealer.flush();
    for (const { bytes, copy } of waiting) {
      expect(bytes.equals(copy)).toBe(true);
      out.push(copy);
    }
    const got: Buffer[] = [];
    open(
      gcmDecipher(each, (payload) => void got.push(Buffer.from(payload))),
      Buffer.concat(out),
    );
    expect(got.map((one, i) => one.equals(sent[i] ?? Buffer.alloc(0)))).toEqual(sent.map(() => true));
  });

  it('never leaves with something that could not be sealed', () => {
    const each = keys(CIPHERS[0] ?? '');
    const cipher = gcmCipher(each);
    let broken = false;
    const failing = {
      outSeqno: 0,
      _dead: false,
      _instance: {
        encrypt: (packet: Buffer) => {
          if (broken) throw new Error('no');
          cipher._instance.encrypt(packet);
        },
      },
    } satisfies GcmCipher;
    const out: Buffer[] = [];
    const sealer = new PacketSealer((bytes) => void out.push(Buffer.from(bytes)));
    sealer.seal(failing, big(1), big(2));
    broken = true;
    expect(() => sealer.seal(failing, Buffer.from('secret'), big(3))).toThrow('no');
    expect(() => sealer.seal(failing, Buffer.from('secret'), Buffer.alloc(0))).toThrow('no');
    sealer.flush();
    expect(failing.outSeqno).toBe(1);
    expect(out.length).toBe(1);
    expect(out[0]?.includes('secret')).toBe(false);
  });

  it('has padding that is not used twice', () => {
    const cipher = { outSeqno: 0, _dead: false, _instance: { encrypt: () => undefined } } satisfies GcmCipher;
    const seen = new Set<string>();
    const sealer = new PacketSealer((bytes) => void seen.add(bytes.subarray(5 + 1, -16).toString('hex')));
    for (let i = 0; i < 2_000; i++) sealer.seal(cipher, Buffer.alloc(1), Buffer.alloc(0));
    expect(seen.size).toBe(2_000);
  });
});
