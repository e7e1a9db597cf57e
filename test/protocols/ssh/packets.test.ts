/**
 * Packets that gw opens and seals itself, against those of ssh2 in both directions, cut anywhere, over memory that is read into again. They
 * stand on what ssh2 keeps to itself: the first test fails when another version of it has that no more, and then the library does it all, slower.
 */
import { randomBytes, randomInt } from 'node:crypto';
import ssh2Crypto from 'ssh2/lib/protocol/crypto.js';
import type { Cipher, Decipher, GcmCipher, GcmDecipher, MacDecipher } from 'ssh2/lib/protocol/Protocol.js';
import { describe, expect, it } from 'vitest';
import { LONG_PACKET, SHORT_PACKET } from '../../../src/protocols/ssh/codec/limits.js';
import { openingCipher, opensGcm, opensMac } from '../../../src/protocols/ssh/transport/opening-ciphers.js';
import { PacketOpener } from '../../../src/protocols/ssh/transport/packet-opener.js';
import { PacketSealer, sealsGcm } from '../../../src/protocols/ssh/transport/packet-sealer.js';

interface Made {
  readonly seqno: number;
  readonly forceNative?: boolean;
  readonly [name: string]: unknown;
}
const library = ssh2Crypto as unknown as {
  readonly bindingAvailable: boolean;
  readonly CIPHER_INFO: Readonly<Record<string, { readonly keyLen: number }>>;
  readonly MAC_INFO: Readonly<Record<string, { readonly len: number }>>;
  createCipher(config: { outbound: Made }): Cipher & { allocPacket(bytes: number): Buffer; encrypt(packet: Buffer): void; outSeqno: number };
  createDecipher(config: { inbound: Made }): Decipher & { decrypt(data: Buffer, from: number, to: number): unknown; inSeqno: number };
};

interface Keys {
  readonly name: string;
  readonly key: Buffer;
  readonly iv: Buffer;
  readonly macs: object;
}
/** `NAME` of a cipher, or `NAME MAC`. */
function keys(named: string): Keys {
  const [name = '', mac] = named.split(' ');
  const info = mac === undefined ? undefined : library.MAC_INFO[mac];
  const macs = info === undefined ? {} : { macInfo: info, macKey: randomBytes(info.len) };
  return { name, key: randomBytes(library.CIPHER_INFO[name]?.keyLen ?? 0), iv: randomBytes(mac === undefined ? 12 : 16), macs };
}
const libraryCipher = ({ name, key, iv, macs }: Keys, onWrite: (bytes: Buffer) => void = () => undefined, forceNative = false) =>
  library.createCipher({
    outbound: { seqno: 7, onWrite, cipherInfo: library.CIPHER_INFO[name], cipherKey: Buffer.from(key), cipherIV: Buffer.from(iv), forceNative, ...macs },
  });
const libraryDecipher = ({ name, key, iv, macs }: Keys, onPayload: (payload: Buffer) => unknown, forceNative = false) =>
  library.createDecipher({
    inbound: { seqno: 7, onPayload, decipherInfo: library.CIPHER_INFO[name], decipherKey: Buffer.from(key), decipherIV: Buffer.from(iv), forceNative, ...macs },
  });

function gcmCipher(each: Keys): GcmCipher {
  const cipher = libraryCipher(each);
  if (!sealsGcm(cipher)) throw new Error('the library has another cipher');
  return cipher;
}

type Known = GcmDecipher | MacDecipher;
function gcmDecipher(each: Keys, onPayload: (payload: Buffer) => unknown): Known {
  const decipher = libraryDecipher(each, onPayload);
  if (!opensGcm(decipher) && !opensMac(decipher)) throw new Error('the library has another decipher');
  return decipher;
}
function openerOf(decipher: Known, longest = LONG_PACKET): PacketOpener {
  const cipher = openingCipher(decipher);
  if (cipher === null) throw new Error('it is not opened here');
  return new PacketOpener(cipher, () => longest, broken);
}

const CIPHERS = ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com'];
const COMMAND = 256 * 1024;
const WITH_MAC = ['aes128-ctr', 'aes256-ctr'].flatMap((cipher) =>
  ['hmac-sha2-256', 'hmac-sha2-512', 'hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com'].map((mac) => `${cipher} ${mac}`),
);
/** What the library itself reads, too; or what it does not. */
const messages = (long = false): Buffer[] =>
  [0, 1, 10, 11, 12, 2_000, 32_777, 34_900, ...(long ? [35_000, 100_000, COMMAND - 20] : [])]
    .concat(Array.from({ length: 20 }, () => randomInt(34_900)))
    .map((n) => randomBytes(n));

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

/** What the library makes of messages. */
function byLibrary(each: Keys, all: readonly Buffer[]): Buffer {
  const written: Buffer[] = [];
  const cipher = libraryCipher(each, (bytes) => void written.push(Buffer.from(bytes)), true);
  for (const one of all) {
    const packet = cipher.allocPacket(one.length);
    packet.set(one, 5);
    cipher.encrypt(packet);
  }
  return Buffer.concat(written);
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

function open(decipher: Known, bytes: Buffer, most?: number): void {
  const opener = openerOf(decipher);
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
    for (const name of WITH_MAC) {
      expect(opensMac(libraryDecipher(keys(name), () => undefined))).toBe(true);
      expect(openingCipher(libraryDecipher(keys(name), () => undefined, true))).toBeNull();
    }
    expect(openingCipher(undefined)).toBeNull();
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

  it.each([...CIPHERS, ...WITH_MAC])('are opened as the library writes them under %s, cut anywhere, each once and in order', (name) => {
    for (let round = 0; round < 40; round++) {
      const each = keys(name);
      const sent = messages(round % 4 > 1);
      const got: Buffer[] = [];
      const decipher = gcmDecipher(each, (payload) => void got.push(Buffer.from(payload)));
      open(decipher, byLibrary(each, sent), [3, 40, 5_000, 70_000][round % 4]);
      expect(got.map((one, i) => one.equals(sent[i] ?? Buffer.alloc(0)))).toEqual(sent.map(() => true));
      expect(decipher.inSeqno).toBe(7 + sent.length);
    }
  });

  it.each([CIPHERS[0] ?? '', ...WITH_MAC])('that were changed anywhere under %s end the connection, and nothing of them is looked at', (name) => {
    const each = keys(name);
    const good = byLibrary(each, [Buffer.from('this is right')]);
    for (let at = 0; at < good.length; at++) {
      for (const cut of [0, 1, at, good.length - 1]) {
        const bad = Buffer.from(good);
        bad[at] = (bad[at] ?? 0) ^ (1 << randomInt(8));
        const got: Buffer[] = [];
        const opener = openerOf(gcmDecipher(each, (payload) => void got.push(payload)));
        const readAll = (): void => {
          opener.open(bad.subarray(0, cut), 0);
          opener.open(Buffer.concat([bad.subarray(cut), Buffer.alloc(300_000)]), 0);
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
      const opener = openerOf(gcmDecipher(each, (payload) => void got.push(payload.toString())));
      expect(() => {
        opener.open(Buffer.from(packets[first] ?? ''), 0);
        opener.open(Buffer.from(packets[second] ?? ''), 0);
      }).toThrow();
      expect(got).toEqual(first === 0 ? ['one'] : []);
    }
  });

  it.each([CIPHERS[0] ?? '', ...WITH_MAC.filter((name) => name.includes('etm'))])('of a length that cannot be are refused under %s', (name) => {
    const refused = (length: number, longest: number): string => {
      const head = Buffer.alloc(8);
      head.writeUInt32BE(length);
      try {
        openerOf(
          gcmDecipher(keys(name), () => undefined),
          longest,
        ).open(head, 0);
        return '';
      } catch (thrown) {
        return (thrown as Error).message;
      }
    };
    for (const longest of [SHORT_PACKET, LONG_PACKET])
      for (const length of [0, 8, 11, 15, 17, longest, LONG_PACKET, 0x7fffffff, 0x80000000, 0xffffffff])
        expect(refused(length, longest), String(length)).toContain('Bad packet length');
    expect(refused(34_992, SHORT_PACKET)).toBe('Bad packet length: 34992, and at most 35000 bytes are read');
    expect(refused(34_992, LONG_PACKET)).toBe('');
    expect(refused(COMMAND, LONG_PACKET)).toBe('');
    expect(refused(COMMAND, SHORT_PACKET)).not.toBe('');
  });

  it('that are long are bounded at the time when they come', () => {
    const each = keys('aes128-ctr hmac-sha2-256');
    let longest = SHORT_PACKET;
    const got: number[] = [];
    const cipher = openingCipher(gcmDecipher(each, (payload) => void got.push(payload.length)));
    if (cipher === null) throw new Error('it is not opened here');
    const opener = new PacketOpener(cipher, () => longest, broken);
    const bytes = byLibrary(each, [Buffer.alloc(30_000), Buffer.alloc(200_000), Buffer.alloc(COMMAND + 100)]);
    opener.open(bytes.subarray(0, 30_000), 0);
    longest = LONG_PACKET;
    expect(() => opener.open(bytes.subarray(30_000), 0)).toThrow('at most');
    expect(got).toEqual([30_000, 200_000]);
  });

  it('with more padding than there is are refused', () => {
    const each = keys(CIPHERS[0] ?? '');
    const packet = Buffer.alloc(4 + 16 + 16);
    packet.writeUInt32BE(16);
    packet[4] = 16;
    gcmCipher(each)._instance.encrypt(packet);
    expect(() => openerOf(gcmDecipher(each, () => undefined)).open(packet, 0)).toThrow('Bad padding length');
  });

  it('are handed over where the library goes on when it has new keys', () => {
    const each = keys(CIPHERS[0] ?? '');
    const first = sealed(gcmCipher(each), [Buffer.from('new keys')]);
    const opener = openerOf(gcmDecipher(each, () => false));
    expect(opener.open(Buffer.concat([Buffer.from('ab'), first, Buffer.from('under others')]), 2)).toBe(2 + first.length);
    const cut = openerOf(gcmDecipher(each, () => false));
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
      const one = i % 7 === 0 ? randomBytes(randomInt(100)) : i % 50 === 1 ? Buffer.alloc(COMMAND - 20, i % 251) : big(i % 251);
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
