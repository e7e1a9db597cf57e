/** The target's side: which hosts are believed, how the gateway logs in, and what a hostile target can do. */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionEnd } from '../../../src/contract/recording.js';
import { MESSAGE, openFailure, windowAdjust } from '../../../src/protocols/ssh/codec/messages.js';
import { boolean, message, string, uint32, WireReader } from '../../../src/protocols/ssh/codec/wire.js';
import { serverIdentity } from '../../../src/protocols/ssh/server-identity.js';
import { readSession } from '../../../src/recording/index.js';
import { hashKnownHosts, type RealSshd, startRealSshd } from '../../support/real-sshd.js';
import { ScriptedClient, stubTarget } from '../../support/ssh-peers.js';
import { type SshWorld, startSshWorld } from '../../support/ssh-world.js';

let sshd: RealSshd;
beforeAll(async () => {
  sshd = await startRealSshd();
});
afterAll(() => sshd?.[Symbol.asyncDispose]());

async function withWorld<T>(options: Parameters<typeof startSshWorld>[0], use: (world: SshWorld) => Promise<T>): Promise<T> {
  const world = await startSshWorld({ sshd, ...options });
  try {
    return await use(world);
  } finally {
    await world[Symbol.asyncDispose]();
  }
}

const works = async (world: SshWorld): Promise<void> => expect((await world.ssh(['web-1', 'echo in'])).out.toString()).toBe('in\n');
const fails = async (world: SshWorld, words: string): Promise<void> => {
  const ended = await world.ssh(['-o', 'LogLevel=INFO', 'web-1', 'echo in']);
  expect(ended.code).toBe(255);
  expect(ended.out.toString()).toBe('');
  expect(ended.err).toContain(words);
};

describe('the host', () => {
  const other = serverIdentity.describe(serverIdentity.generate());

  it('with a key other than the pinned one is refused, with the one that it showed', async () => {
    await withWorld({ options: { hostKeys: [other] } }, (world) => fails(world, 'another host key'));
  });

  it('is found in known_hosts: by name and port, hashed, beside others, and not when its key is revoked', async () => {
    const file = join(sshd.dir, 'known_hosts');
    const name = `[127.0.0.1]:${sshd.port}`;
    const write = async (text: string): Promise<void> => writeFile(file, text);
    await write(`# comment\n\nother ${other}\n${name},more ${sshd.hostKey}\n`);
    await withWorld({ options: { knownHosts: file } }, async (world) => {
      await works(world);
      // Read again for each session.
      await write(`${name} ${other}\n`);
      await fails(world, 'another host key');
      await write(`|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= ${sshd.hostKey}\n`);
      await fails(world, 'another host key');
      await write(`${name} ${sshd.hostKey}\n@revoked * ${sshd.hostKey}\n`);
      await fails(world, 'another host key');
      await write(`*,!${name} ${sshd.hostKey}\n`);
      await fails(world, 'another host key');
      // Who may certify the host is not the host.
      await write(`@cert-authority * ${sshd.hostKey}\n`);
      await fails(world, 'shows no host certificate');
      await write(`[127.0.0.*]:${sshd.port} ${sshd.hostKey}\n`);
      await works(world);
    });
    await write(`${name} ${sshd.hostKey}\n`);
    await hashKnownHosts(file);
    await withWorld({ options: { knownHosts: file } }, works);
  });

  it.each(['rsa', 'ecdsa'])('may have a key of the kind %s, and let in one of that kind', async (kind) => {
    const real = await startRealSshd([], kind, kind);
    try {
      await withWorld({ sshd: real, options: { hostKeys: [real.hostKey] } }, works);
    } finally {
      await real[Symbol.asyncDispose]();
    }
  });

  it.each(['rsa', 'ecdsa'])('with a key of the kind %s where one of another kind is pinned is refused with the one that it showed', async (kind) => {
    const real = await startRealSshd([], 'ed25519', kind);
    const [type = '', key = ''] = real.hostKey.split(' ');
    const digest = createHash('sha256').update(Buffer.from(key, 'base64')).digest('base64').replace(/=+$/, '');
    try {
      await withWorld({ sshd: real, options: { hostKeys: [sshd.hostKey] } }, (world) =>
        fails(world, `another host key than the gateway knows: ${type} SHA256:${digest}`),
      );
    } finally {
      await real[Symbol.asyncDispose]();
    }
  });

  it('that does not let the gateway in is named as the reason', async () => {
    await withWorld({ username: 'nobody-there', options: { hostKeys: [sshd.hostKey] } }, (world) => fails(world, 'target.credential'));
  });

  it('must be pinned: a target without a host key is no configuration', async () => {
    await expect(startSshWorld({ sshd, options: {} })).rejects.toThrow(/name the host key of the target, or who certifies it/);
    await expect(startSshWorld({ sshd, options: { hostAuthorities: ['ssh-ed25519 AAAA'] } })).rejects.toThrow(
      /options\.hostAuthorities\.0: must be a public key/,
    );
    await expect(startSshWorld({ sshd, options: { hostKeys: ['ssh-ed25519 AAAA'] } })).rejects.toThrow(/must be a public key/);
  });
});

async function withStub(options: Parameters<typeof stubTarget>[0], use: (world: SshWorld) => Promise<void>, password: string | null = null): Promise<void> {
  const stub = await stubTarget(options);
  try {
    await withWorld({ sshd: { ...sshd, port: stub.port }, options: { hostKeys: [stub.hostKey] }, ...(password === null ? {} : { password }) }, use);
  } finally {
    stub.close();
  }
}

const confirm = (payload: Buffer): Buffer => {
  const reader = new WireReader(payload, 1);
  reader.name();
  return message(MESSAGE.openConfirmation, uint32(reader.uint32()), uint32(7), uint32(1 << 20), uint32(32_768));
};

describe('the login at the target', () => {
  it('gives the password to a hidden prompt, and to nothing else', async () => {
    const asked: string[] = [];
    const prompts = (...echo: boolean[]): Buffer =>
      message(MESSAGE.authMore, string(''), string(''), string(''), uint32(echo.length), ...echo.flatMap((each) => [string('Password: '), boolean(each)]));
    const login =
      (echo: boolean) =>
      (method: string, payload: Buffer, send: (payload: Buffer) => void): void => {
        if (method === 'keyboard-interactive') send(prompts(echo));
        else if (method === 'more') {
          asked.push(payload.toString('latin1'));
          send(message(MESSAGE.authSuccess));
        } else send(message(MESSAGE.authFailure, string('keyboard-interactive'), boolean(false)));
      };
    await withStub(
      { login: login(false), talk: (payload, send) => (payload[0] === MESSAGE.open ? send(openFailure(0, 2, 'seen')) : undefined) },
      (world) => fails(world, 'seen'),
      'pass-word',
    );
    expect(asked.join()).toContain('pass-word');
    await withStub({ login: login(true) }, (world) => fails(world, 'target.credential'), 'pass-word');
  });
});

describe('a target that offers a password', () => {
  /** Lets in whoever shows `right`, and keeps what was shown. */
  const offering = (right: string, shown: string[]): Parameters<typeof stubTarget>[0] => ({
    login: (method, payload, send) => {
      const reader = new WireReader(payload, 1);
      const [user] = [reader.name(), reader.name(), reader.name()];
      const password = method === 'password' && !reader.boolean() ? reader.string(1_000).toString() : null;
      shown.push(`${method} ${user} ${password ?? ''}`);
      send(password === right ? message(MESSAGE.authSuccess) : message(MESSAGE.authFailure, string('password'), boolean(false)));
    },
    talk: (payload, send) => (payload[0] === MESSAGE.open ? send(openFailure(0, 2, 'seen')) : undefined),
  });

  it('is given that of the configuration, for its account, once, behind the question which ways there are', async () => {
    const shown: string[] = [];
    await withStub(offering('pass-word', shown), (world) => fails(world, 'seen'), 'pass-word');
    expect(shown).toEqual([`none ${sshd.username} `, `password ${sshd.username} pass-word`]);
    const wrong: string[] = [];
    await withStub(offering('another', wrong), (world) => fails(world, 'target.credential'), 'pass-word');
    expect(wrong.filter((each) => each.startsWith('password')).length).toBe(1);
  });

  it('is given none where the gateway holds none', async () => {
    const shown: string[] = [];
    await withStub(offering('', shown), (world) => fails(world, 'target.credential'));
    expect(shown).toEqual([`none ${sshd.username} `]);
  });
});

describe('a hostile target', () => {
  const hurts: Readonly<Record<string, Parameters<typeof stubTarget>[0]>> = {
    'that greets without end': { greeting: `${'x'.repeat(100)}\r\n`.repeat(2_000) },
    'with a banner of megabytes': {
      login: (_, _payload, send) =>
        Array.from({ length: 100 }, () => send(message(MESSAGE.authBanner, string('\u001b[2J'.repeat(7_000)), string('')))).length > 0 &&
        send(message(MESSAGE.authFailure, string(''), boolean(false))),
    },
    'that confirms what nobody opened': { talk: (_, send) => send(message(MESSAGE.openConfirmation, uint32(99), uint32(1), uint32(1), uint32(1))) },
    'that answers what nobody asked': {
      talk: (payload, send) => {
        if (payload[0] !== MESSAGE.open) return;
        send(confirm(payload));
        for (let each = 0; each < 5; each++) send(message(MESSAGE.channelSuccess, uint32(0)));
      },
    },
    'that sends for a channel that is not there': { talk: (_, send) => send(message(MESSAGE.data, uint32(5), string('x'))) },
    'that sends a message of no kind': { talk: (_, send) => send(Buffer.from([200, 1, 2, 3])) },
    'that asks the client to log in again': { talk: (_, send) => send(message(MESSAGE.authRequest, string('x'))) },
    'that widens a window for ever': {
      talk: (payload, send, socket) => {
        if (payload[0] !== MESSAGE.open) return;
        send(confirm(payload));
        for (let each = 0; each < 5_000; each++) send(windowAdjust(0, 0xff_ff_ff_ff));
        socket.end();
      },
    },
    'that cuts its message short': { talk: (_, send) => send(Buffer.from([MESSAGE.open, 0, 0, 1, 0])) },
  };

  it.each(Object.entries(hurts))('%s ends its own session and nothing else', async (_, options) => {
    let hostile = false;
    // Runs whatever it is asked to.
    const otherwise = (payload: Buffer, send: (payload: Buffer) => void): void => {
      if (payload[0] === MESSAGE.open) send(confirm(payload));
      else if (payload[0] === MESSAGE.channelRequest) send(message(MESSAGE.channelSuccess, uint32(1)));
    };
    await withStub({ ...options, hostile: () => hostile, otherwise }, async (world) => {
      const good = await ScriptedClient.login(world.path.port);
      hostile = true;
      const ended = await world.ssh(['web-1', 'true']);
      expect(ended.code).toBe(255);
      expect(ended.err).not.toContain('\u001b');
      expect(ended.err.length).toBeLessThan(20_000);
      // The other session, on the same gateway, is as it was.
      await good.sends([message(MESSAGE.open, string('session'), uint32(1), uint32(1 << 20), uint32(32_768))]);
      await good.until(() => good.heard.some((each) => each[0] === MESSAGE.openConfirmation));
      await good.sends([message(MESSAGE.channelRequest, uint32(7), string('exec'), boolean(true), string('true'))]);
      await good.until(() => good.heard.some((each) => each[0] === MESSAGE.channelSuccess));
      good.end();
      const last = world.path.sessions.at(-1) ?? '';
      const ends: SessionEnd[] = [];
      for await (const item of readSession(world.path.journalDir, world.path.bootId, last)) if (item.kind === 'end') ends.push(item.end);
      expect(ends).toMatchObject([{ reason: expect.stringMatching(/^(?:target|protocol)$/), message: expect.stringMatching(/^The target/) }]);
    });
  });

  it('cannot use the agent of the client, nor open anything else towards it', async () => {
    const refusals: number[] = [];
    await withStub(
      {
        talk: (payload, send, socket) => {
          if (payload[0] === MESSAGE.open) {
            for (const [index, kind] of ['auth-agent@openssh.com', 'x11', 'forwarded-tcpip', 'session', 'made-up'].entries())
              send(message(MESSAGE.open, string(kind), uint32(20 + index), uint32(1 << 20), uint32(32_768), string('h'), uint32(1), string('o'), uint32(1)));
          } else if (payload[0] === MESSAGE.openFailure) {
            refusals.push(new WireReader(payload, 1).uint32());
            if (refusals.length === 5) socket.end();
          }
        },
      },
      async (world) => {
        world.path.setPolicy('version: 1\ndefaults: [{ operations: deny }]\nrules: [{ id: c, effect: allow, actions: [connect] }]\n');
        const ended = await world.ssh(['-o', 'LogLevel=INFO', 'web-1', 'true']);
        expect(refusals, ended.err).toEqual([20, 21, 22, 23, 24]);
        const refused = (await world.recorded()).filter((item) => item.kind === 'operation' && item.operation.decision?.effect === 'deny');
        expect(refused.length).toBe(5);
      },
    );
  });
});
