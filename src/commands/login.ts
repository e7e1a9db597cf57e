/** `gw login`: a login for a gateway, by a person or a machine. */
import { boolean, string } from '@oclif/core/flags';
import { GwCommand } from '../cli/base-command.js';
import { announceDevice } from '../cli/login/announce-device.js';
import { type LoginResult, loginFlow } from '../cli/login/login-flow.js';
import { readAuthority, rememberAuthority, rememberGateway } from '../cli/login/remember-gateway.js';
import { relativeTime } from '../cli/render/relative-time.js';
import { paintErr, say, visible } from '../cli/terminal.js';

type LoginData = Omit<LoginResult, 'who'> & LoginResult['who'];

export default class Login extends GwCommand {
  static override summary = 'Log in to a gateway.';
  static override description =
    `Asks the gateway which identity provider to use, and shows an address and a code to confirm in any browser. The login is kept in the keychain of this machine and renewed silently.

Machines log in with client credentials, with a token in GW_ID_TOKEN or a file, or with the identity of a GitHub Actions or GitLab job, which is found by itself and needs no \`gw login\`.`;
  static override examples = [
    { description: 'First login', command: '<%= config.bin %> login --gateway https://gw.example:8443' },
    { description: 'On a machine without a browser', command: '<%= config.bin %> login --qr' },
    { description: 'As a service', command: '<%= config.bin %> login --client-id reports --client-secret-file /run/secrets/gw' },
    { description: 'With a token that something else keeps fresh', command: '<%= config.bin %> login --id-token-file /var/run/secrets/tokens/gw' },
  ];

  static override flags = {
    qr: boolean({ summary: 'Show the address as a QR code too.' }),
    browser: boolean({ summary: 'Open a browser when this is your own screen.', default: true, allowNo: true }),
    'ca-file': string({ summary: "PEM file of the authority that signed the gateway's certificate; remembered for this gateway alone.", helpValue: 'FILE' }),
    'id-token-file': string({ summary: 'File that holds a token for this gateway; read at each use.', helpValue: 'FILE', exclusive: ['client-id'] }),
    'client-id': string({ summary: 'Client id of a service.', helpValue: 'ID' }),
    'client-secret-file': string({ summary: 'File that holds the client secret; GW_CLIENT_SECRET otherwise.', helpValue: 'FILE', dependsOn: ['client-id'] }),
    issuer: string({ summary: 'Issuer of the service, when it is not the one the gateway names.', helpValue: 'URL', dependsOn: ['client-id'] }),
  };

  async run(): Promise<LoginData> {
    const { flags } = await this.parse(Login);
    const pem = flags['ca-file'] === undefined ? null : await readAuthority(flags['ca-file']);
    const reach = await this.reach(flags, pem);
    if (pem !== null) await rememberAuthority(pem, reach.settings, reach.gateway, await reach.client.loginInfo());
    const { environment } = reach;
    const noInput = flags['no-input'] || environment.noInput || environment.ci;
    const { who, ...rest } = await loginFlow({
      reach,
      idTokenFile: flags['id-token-file'] ?? null,
      clientId: flags['client-id'] ?? null,
      clientSecretFile: flags['client-secret-file'] ?? null,
      issuer: flags.issuer ?? null,
      noInput,
      announce: (prompt) => announceDevice(prompt, { qr: flags.qr, browser: flags.browser && !noInput }, environment),
    });
    const context = await rememberGateway(reach.settings, reach.gateway);
    say(
      `${paintErr.green('Logged in')} to ${rest.gateway} as ${paintErr.bold(visible(who.name))} (${visible(who.kind)}), ${relativeTime(who.expiresAt, reach.clock.now()).replace(/^in /, 'for ')}${rest.kept === null ? '' : `; kept in ${rest.kept}`}.`,
    );
    if (context !== null) say(paintErr.dim(`The gateway is remembered as the context "${context}".`));
    return { ...rest, ...who };
  }
}
