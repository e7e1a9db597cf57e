/** A timestamp authority of openssl behind a local HTTP server, which can be told to fail, to be late or to answer with something else. */
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from './run-program.js';

export interface TimestampAuthority extends AsyncDisposable {
  readonly url: string;
  /** PEM of the root, and its file. */
  readonly ca: string;
  readonly caFile: string;
  readonly requests: Buffer[];
  /** What becomes of answers from now on; null: they are given as they are. */
  change(answer: ((response: Buffer) => Buffer | number | Promise<Buffer>) | null): void;
  /** Answers a request itself, without HTTP. */
  reply(request: Buffer): Promise<Buffer>;
  /** A response that `openssl cms` signs over this TSTInfo, with whatever certificate the authority has: `openssl ts` is more particular. */
  sign(info: Buffer, ...more: readonly string[]): Promise<Buffer>;
}

/** Kinds of keys that an authority may have, as openssl makes them. */
export const KEY_KINDS = {
  rsa: ['-newkey', 'rsa:2048'],
  'rsa-pss': ['-newkey', 'rsa-pss', '-pkeyopt', 'rsa_keygen_bits:2048'],
  p256: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  p384: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
} as const;

export interface AuthorityOptions {
  readonly kind?: keyof typeof KEY_KINDS;
  readonly digest?: 'sha256' | 'sha384' | 'sha512';
  readonly usage?: string;
  readonly days?: string;
}

export async function startTimestampAuthority(options: AuthorityOptions = {}): Promise<TimestampAuthority> {
  const { kind = 'rsa', digest = 'sha256', usage = 'critical,timeStamping', days = '30' } = options;
  const dir = await mkdtemp(join(tmpdir(), 'gw-tsa-'));
  const at = (name: string): string => join(dir, name);
  const run = async (...args: readonly string[]): Promise<void> => {
    const { code, stderr } = await runProgram('openssl', args, { cwd: dir });
    if (code !== 0) throw new TypeError(`openssl ${args.join(' ')}: ${stderr}`);
  };
  await run('req', '-x509', '-nodes', ...KEY_KINDS.p256, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=test root', '-days', '60');
  await run('req', '-nodes', ...KEY_KINDS[kind], '-keyout', 'tsa.key', '-out', 'tsa.csr', '-subj', '/O=Test Bank/CN=test timestamps');
  await writeFile(at('extensions'), `extendedKeyUsage=${usage}\nkeyUsage=critical,digitalSignature\nsubjectKeyIdentifier=hash\n`);
  await run(
    'x509',
    '-req',
    '-in',
    'tsa.csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    days,
    '-extfile',
    'extensions',
    '-out',
    'tsa.pem',
  );
  const config = ['[tsa]', `serial = ${at('serial')}`, `signer_cert = ${at('tsa.pem')}`, `signer_key = ${at('tsa.key')}`, `certs = ${at('ca.pem')}`];
  const more = [`signer_digest = ${digest}`, 'default_policy = 1.2.3.4.1', 'digests = sha256, sha384, sha512', 'accuracy = secs:1, millisecs:500'];
  await writeFile(at('tsa.cnf'), ['[default]', 'default_tsa = tsa', ...config, ...more, ''].join('\n'));
  await writeFile(at('serial'), '01\n');
  let number = 0;
  const reply = async (request: Buffer): Promise<Buffer> => {
    const name = `${++number}`;
    await writeFile(at(`${name}.tsq`), request);
    await run('ts', '-reply', '-config', 'tsa.cnf', '-queryfile', `${name}.tsq`, '-out', `${name}.tsr`);
    return readFile(at(`${name}.tsr`));
  };
  const requests: Buffer[] = [];
  let change: ((response: Buffer) => Buffer | number | Promise<Buffer>) | null = null;
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      requests.push(Buffer.concat(chunks));
      const honest = await reply(Buffer.concat(chunks));
      const answer = change === null ? honest : await change(honest);
      if (typeof answer === 'number') response.writeHead(answer).end();
      else response.writeHead(200, { 'content-type': 'application/timestamp-reply' }).end(answer);
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    ca: await readFile(at('ca.pem'), 'utf8'),
    caFile: at('ca.pem'),
    requests,
    change: (answer) => {
      change = answer;
    },
    reply,
    sign: async (info, ...more) => {
      await writeFile(at('info'), info);
      const type = ['-binary', '-nodetach', '-econtent_type', '1.2.840.113549.1.9.16.1.4'];
      await run('cms', '-sign', ...type, '-in', 'info', '-outform', 'DER', '-signer', 'tsa.pem', '-inkey', 'tsa.key', '-out', 'token', ...more);
      const content = Buffer.concat([Buffer.from('3003020100', 'hex'), await readFile(at('token'))]);
      const head = Buffer.from('30820000', 'hex');
      head.writeUInt16BE(content.length, 2);
      return Buffer.concat([head, content]);
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(dir, { recursive: true, force: true });
    },
  };
}
