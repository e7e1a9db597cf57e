/** A directory with a valid gateway.yaml and the files it names, and a protocol with options to validate. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { type ConfigCheck, type ConfigProtocols, checkGatewayConfig } from '../../src/config/index.js';
import { GwError } from '../../src/contract/gw-error.js';

const options = z.strictObject({ mode: z.enum(['off', 'on']).default('on'), nested: z.strictObject({ ca: z.string().optional() }).prefault({}) });

export const protocols: ConfigProtocols = {
  postgres: {
    defaultPort: 5432,
    optionsSchema: z.toJSONSchema(options, { io: 'input' }),
    parseOptions(raw, directory) {
      const result = options.safeParse(raw);
      if (result.success) return { ...result.data, directory };
      const unknown = result.error.issues.map((issue) => `options${issue.path.map((part) => `.${String(part)}`).join('')}: ${issue.message}`);
      if (result.error.issues.some((issue) => issue.code === 'unrecognized_keys')) throw new GwError('config.invalid', unknown.join('; '));
      const issue = result.error.issues[0];
      throw new GwError('config.invalid', `option refused: ${issue?.code ?? ''}`, { detail: { path: issue?.path.join('.') ?? '' } });
    },
  },
  ssh: { optionsSchema: { type: 'object' }, parseOptions: () => ({}) },
};

export const MINIMAL = `version: 1
gateway:
  name: quickstart
  listen: 127.0.0.1:7443
  tls: { certificate: tls/cert.pem, key: tls/key.pem }
identity:
  issuers:
    - issuer: http://127.0.0.1:9999
      audience: gw
      login: { clientId: gw-cli }
access: { admins: { groups: [dba] } }
policy: { files: ['policy/*.yaml'] }
targets:
  - name: bank-db
    protocol: postgres
    address: 127.0.0.1:5432
    credential: { username: gw, password: { file: secret } }
`;

export interface ConfigFixture extends AsyncDisposable {
  readonly directory: string;
  readonly file: string;
  write(name: string, content: string | Buffer, mode?: number): Promise<string>;
  /** Writes gateway.yaml and checks it; positions come without the directory. */
  check(yaml: string | Buffer, extra?: { checkExpression?: (text: string) => string | null }): Promise<ConfigCheck>;
}

export async function configFixture(): Promise<ConfigFixture> {
  const directory = await mkdtemp(join(tmpdir(), 'gw-config-'));
  const file = join(directory, 'gateway.yaml');
  const write = async (name: string, content: string | Buffer, mode = 0o600): Promise<string> => {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), content, { mode });
    return join(directory, name);
  };
  await write('tls/cert.pem', 'certificate');
  await write('tls/key.pem', 'key');
  await write('policy/one.yaml', 'version: 1');
  await write('secret', 'hunter2\n');
  await write('gateway.yaml', MINIMAL);
  return {
    directory,
    file,
    write,
    async check(yaml, extra = {}) {
      await write('gateway.yaml', yaml);
      const result = await checkGatewayConfig(file, { protocols, ...extra });
      const short = (lines: readonly string[]): string[] => lines.map((line) => line.replace(`${directory}/`, ''));
      return { config: result.config, errors: short(result.errors), warnings: short(result.warnings) };
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}
