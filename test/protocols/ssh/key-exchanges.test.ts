/** New keys in the middle of a session that are never finished: what is sent meanwhile does not gather here, and the session does not wait for ever. */
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type Protocol from 'ssh2/lib/protocol/Protocol.js';
import type { ProtocolOptions } from 'ssh2/lib/protocol/Protocol.js';
import { beforeAll, describe, expect, it } from 'vitest';
import type { GwError } from '../../../src/contract/gw-error.js';
import { data, disconnect, MESSAGE } from '../../../src/protocols/ssh/codec/messages.js';
import { boolean, message, string, uint32 } from '../../../src/protocols/ssh/codec/wire.js';
import { KeyExchanges } from '../../../src/protocols/ssh/key-exchanges.js';
import { hostKeyOf, serverIdentity } from '../../../src/protocols/ssh/server-identity.js';
import { HOST_KEYS, Transport, transportReady } from '../../../src/protocols/ssh/transport/transport.js';
import { eventually } from '../../store/state-server.js';
import { startRealSshd } from '../../support/real-sshd.js';
import { agreeably, ScriptedClient, stubTarget } from '../../support/ssh-peers.js';
import { startSshWorld } from '../../support/ssh-world.js';

beforeAll(transportReady);

const MIB = 1 << 20;

/** What a client says to begin an exchange. */
function kexinit(): Buffer {
  const [cipher, mac] = ['aes128-gcm@openssh.com', 'hmac-sha2-256'];
  const lists = ['curve25519-sha256', HOST_KEYS.join(','), cipher, cipher, mac, mac, 'none', 'none', '', ''];
  return message(20, Buffer.alloc(16, 7), ...lists.map((list) => string(list)), boolean(false), uint32(0));
}

describe('a client that begins to exchange keys and never goes on', () => {
  it('stops its target, so that nothing gathers in the gateway', async () => {
    let socket: Socket | undefined;
    let send: (payload: Buffer) => void = () => undefined;
    const stub = await stubTarget({
      talk: (payload, sends, from) => {
        socket = from;
        send = sends;
        agreeably(payload, sends);
      },
    });
    const sshd = await startRealSshd();
    const world = await startSshWorld({ sshd: { ...sshd, port: stub.port }, options: { hostKeys: [stub.hostKey] } });
    const client = await ScriptedClient.login(world.path.port);
    try {
      await client.sends([message(MESSAGE.open, string('session'), uint32(3), uint32(0x7f_ff_ff_ff), uint32(32_768))]);
      await client.until(() => client.heard.length === 1);
      const to = client.heard[0]?.readUInt32BE(5) ?? -1;
      await client.sends([message(MESSAGE.channelRequest, uint32(to), string('exec'), boolean(true), string('cat big'))]);
      await client.until(() => client.heard.length === 2);
      client.deaf = true;
      await client.sends([kexinit()]);
      const before = socket?.bytesWritten ?? 0;
      const taken = (): number => (socket?.bytesWritten ?? 0) - (socket?.writableLength ?? 0) - before;
      const piece = data(3, Buffer.alloc(32_768));
      for (let sent = 0; sent < 128 * MIB; sent += 32_768) send(piece);
      await eventually('the gateway reads', () => taken() > 2 * MIB);
      // The gateway is in this process: it had its turns.
      for (let turn = 0; turn < 10_000; turn++) await new Promise((resolve) => setImmediate(resolve));
      // What is taken is what the kernel keeps on the way, and what waits.
      expect(taken()).toBeLessThan(32 * MIB);
    } finally {
      client.end();
      await world[Symbol.asyncDispose]();
      await sshd[Symbol.asyncDispose]();
      stub.close();
    }
  });
});

describe('the watch over exchanges', () => {
  interface Watched {
    readonly legs: { readonly client: { withheld: number | null }; readonly target: { withheld: number | null } };
    readonly said: string[];
    readonly errors: (GwError | null)[];
    readonly watch: KeyExchanges;
  }
  function watched(limitMs?: number): Watched {
    const legs = { client: { withheld: null as number | null }, target: { withheld: null as number | null } };
    const said: string[] = [];
    const errors: (GwError | null)[] = [];
    const pump = {
      pauseClient: () => void said.push('pause client'),
      resumeClient: () => void said.push('resume client'),
      pauseTarget: () => void said.push('pause target'),
      resumeTarget: () => void said.push('resume target'),
      end: (_: unknown, error: GwError | null) => void errors.push(error),
    };
    const watch = new KeyExchanges(legs, pump, limitMs);
    return { legs, said, errors, watch };
  }

  it.each([
    ['client', 'target'],
    ['target', 'client'],
  ] as const)('of the %s stops the %s above a mebibyte, once, and lets it go on behind the exchange', (exchanging, source) => {
    const { legs, said, errors, watch } = watched();
    for (const withheld of [0, MIB, MIB + 1, 2 * MIB, null]) {
      legs[exchanging].withheld = withheld;
      watch.look();
    }
    expect(said).toEqual([`pause ${source}`, `resume ${source}`]);
    expect(errors).toEqual([]);
    watch.end();
  });

  it('never stops a leg that exchanges keys itself, and stops it when it has them', () => {
    const { legs, said, watch } = watched();
    [legs.client.withheld, legs.target.withheld] = [2 * MIB, 2 * MIB];
    watch.look();
    expect(said).toEqual([]);
    legs.target.withheld = null;
    watch.look();
    expect(said).toEqual(['pause target']);
    watch.end();
  });

  it.each([
    ['client', 'protocol.violation'],
    ['target', 'target.protocol'],
  ] as const)('ends the session where the %s is not done in time, or too much waits for it', async (side, code) => {
    const late = watched(20);
    late.legs[side].withheld = 0;
    late.watch.look();
    await eventually('its time is over', () => late.errors.length > 0);
    expect(late.errors).toEqual([expect.objectContaining({ code, message: expect.stringContaining('exchange of keys') as string })]);
    const full = watched();
    full.legs[side].withheld = 17 * MIB;
    full.watch.look();
    full.watch.look();
    expect(full.errors).toEqual([expect.objectContaining({ code })]);
  });

  it('says nothing of one that was done in time, or whose session is over', async () => {
    const done = watched(20);
    done.legs.client.withheld = 0;
    done.watch.look();
    done.legs.client.withheld = null;
    done.watch.look();
    const over = watched(20);
    over.legs.client.withheld = 0;
    over.watch.look();
    over.watch.end();
    // One that began after them and ends in time for both.
    const late = watched(20);
    late.legs.client.withheld = 0;
    late.watch.look();
    await eventually('its time is over', () => late.errors.length > 0);
    expect([done.errors, over.errors]).toEqual([[], []]);
  });
});

describe('a leg that exchanges keys', () => {
  const PeerProtocol = createRequire(import.meta.url)('ssh2/lib/protocol/Protocol.js') as new (options: ProtocolOptions) => Protocol;

  interface Between {
    readonly server: Transport;
    readonly peer: Protocol;
    readonly payloads: Buffer[];
    readonly goodbyes: string[];
    /** Of the peer, on its way. */
    readonly toServer: Buffer[];
    changes: number;
    settle(): Promise<void>;
  }
  async function between(cipher = 'aes128-gcm@openssh.com'): Promise<Between> {
    const [toServer, toPeer]: [Buffer[], Buffer[]] = [[], []];
    const goodbyes: string[] = [];
    const payloads: Buffer[] = [];
    const nobody = { payload: () => undefined, disconnected: () => undefined, ready: () => undefined };
    const made: { changes: number } = { changes: 0 };
    const server = new Transport(
      { kind: 'server', hostKey: hostKeyOf(serverIdentity.generate()) },
      { ...nobody, write: (bytes) => void toPeer.push(Buffer.from(bytes)), exchange: () => void made.changes++ },
    );
    const peer = new PeerProtocol({
      offer: {
        kex: ['curve25519-sha256'],
        serverHostKey: HOST_KEYS,
        cs: { cipher: [cipher], mac: ['hmac-sha2-256'], compress: ['none'], lang: [] },
        sc: { cipher: [cipher], mac: ['hmac-sha2-256'], compress: ['none'], lang: [] },
      },
      onWrite: (bytes) => void toServer.push(Buffer.from(bytes)),
      onError: (error) => {
        throw error;
      },
      onHandshakeComplete: () => undefined,
      hostVerifier: () => true,
      messageHandlers: { DISCONNECT: (_, __, text) => void goodbyes.push(`${text}, behind ${payloads.length} messages`) },
    });
    const inner = peer._onPayload;
    peer._onPayload = (payload) => {
      if ((payload[0] ?? 0) < 50) return inner(payload);
      payloads.push(Buffer.from(payload));
      return undefined;
    };
    const settle = async (): Promise<void> => {
      for (let quiet = 0; quiet < 20; quiet++) {
        for (const bytes of toServer.splice(0)) server.feed(bytes);
        for (const bytes of toPeer.splice(0)) peer.parse(bytes, 0, bytes.length);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    server.start();
    peer.start();
    await settle();
    return Object.assign(made, { server, peer, payloads, goodbyes, settle, toServer });
  }
  const numbered = (number: number): Buffer => message(MESSAGE.data, uint32(number), string('x'.repeat(1_000)));

  it('counts what waits, and sends it in order behind the exchange', async () => {
    const leg = await between();
    expect(leg.server.withheld).toBeNull();
    leg.peer.rekey();
    for (const bytes of leg.toServer.splice(0)) leg.server.feed(bytes);
    expect(leg.server.withheld).toBe(0);
    for (let number = 0; number < 100; number++) leg.server.send(numbered(number));
    expect(leg.server.withheld).toBeGreaterThan(100_000);
    expect(leg.changes).toBe(101);
    expect(leg.payloads.length).toBe(0);
    await leg.settle();
    expect(leg.server.withheld).toBeNull();
    expect(leg.changes).toBe(102);
    expect(leg.payloads.map((each) => each.readUInt32BE(1))).toEqual(Array.from({ length: 100 }, (_, number) => number));
  });

  it.each(['aes128-gcm@openssh.com', 'aes128-ctr'])('says goodbye at once, under %s', async (cipher) => {
    const leg = await between(cipher);
    leg.peer.rekey();
    for (const bytes of leg.toServer.splice(0)) leg.server.feed(bytes);
    leg.server.send(numbered(1));
    leg.server.send(disconnect(11, 'too slow'));
    await leg.settle();
    expect(leg.goodbyes).toEqual(['too slow, behind 0 messages']);
  });
});
