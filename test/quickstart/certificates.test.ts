/** The world's authority: what it vouches for holds under node's own TLS, and nothing else does. */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keptCertificate, openAuthority } from '../../src/quickstart/certificates.js';

let top = '';
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'gw-certificates-'));
});
afterEach(() => rmSync(top, { recursive: true }));

test('a leaf is good for this machine under its authority, and for no other name or authority', async () => {
  const authority = await openAuthority(join(top, 'a'));
  const other = await openAuthority(join(top, 'b'));
  const leaf = await authority.issue('gateway');
  const server = createServer({ cert: leaf.certificate, key: leaf.key.expose() }).listen(0, '127.0.0.1');
  server.on('tlsClientError', () => undefined);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const handshake = async (ca: string, servername: string): Promise<string> => {
    const socket = connect({ host: '127.0.0.1', port, ca, servername });
    try {
      await once(socket, 'secureConnect');
      return 'trusted';
    } catch (cause) {
      return (cause as NodeJS.ErrnoException).code ?? 'refused';
    } finally {
      socket.destroy();
    }
  };
  expect(await handshake(authority.certificate, 'localhost')).toBe('trusted');
  expect(await handshake(authority.certificate, 'gw.example.com')).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  expect(await handshake(other.certificate, 'localhost')).not.toBe('trusted');
  expect(new X509Certificate(leaf.certificate).checkIP('127.0.0.1')).toBe('127.0.0.1');
  expect(new X509Certificate(leaf.certificate).ca).toBe(false);
  expect(new X509Certificate(authority.certificate).ca).toBe(true);
  server.close();
});

test('authority and leaf are kept over restarts, 0600; a leaf of another authority is replaced', async () => {
  const first = await openAuthority(join(top, 'a'));
  expect((await openAuthority(join(top, 'a'))).certificate).toBe(first.certificate);
  for (const name of readdirSync(join(top, 'a'))) expect(statSync(join(top, 'a', name)).mode & 0o777).toBe(0o600);
  const files = [join(top, 'leaf.pem'), join(top, 'leaf-key.pem')] as const;
  const leaf = await keptCertificate(first, 'gateway', ...files);
  expect((await keptCertificate(first, 'gateway', ...files)).certificate).toBe(leaf.certificate);
  const replaced = await keptCertificate(await openAuthority(join(top, 'b')), 'gateway', ...files);
  expect(replaced.certificate).not.toBe(leaf.certificate);
});
