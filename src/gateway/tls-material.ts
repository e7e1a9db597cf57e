/**
 * The gateway's certificate: read at the start and again at every reload, for the TLS port and for native connections alike. A pair that
 * does not load keeps the one in force. TLS 1.2 is the oldest version that the API takes; tunnels need 1.3.
 */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { fileProblem } from '../base/file-problem.js';
import { GwError } from '../contract/gw-error.js';

export interface TlsMaterial {
  readonly options: SecureContextOptions;
  readonly context: SecureContext;
  /** Milliseconds since the epoch; metrics show how long is left. */
  readonly validUntil: number;
}

/** @throws GwError `config.invalid` */
export async function loadTlsMaterial(files: { readonly certificate: string; readonly key: string }): Promise<TlsMaterial> {
  const [cert, key] = await Promise.all([read(files.certificate, 'certificate'), read(files.key, 'private key')]);
  const options: SecureContextOptions = { cert, key, minVersion: 'TLSv1.2' };
  try {
    return { options, context: createSecureContext(options), validUntil: Date.parse(new X509Certificate(cert).validTo) };
  } catch (cause) {
    throw new GwError('config.invalid', `The TLS certificate ${files.certificate} and the key ${files.key} cannot be used together.`, {
      hint: 'Check that both are PEM and that the key belongs to the certificate.',
      cause,
    });
  }
}

async function read(file: string, what: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new GwError('config.invalid', `The TLS ${what} ${file} cannot be read: ${fileProblem(cause)}.`, { cause });
  }
}
