/** `gw quickstart token NAME`: a short-lived token of a person or machine of the quickstart, for scripts. */
import { string as stringArg } from '@oclif/core/args';
import { string } from '@oclif/core/flags';
import { GwCommand } from '../../cli/base-command.js';

export default class QuickstartToken extends GwCommand {
  static override summary = 'Print a token of a person or machine of the quickstart, good for one hour.';
  static override description =
    'The token has the claims of a real login and is signed with the key of the provider of the quickstart, which only its owner can read. Whoever holds it is that person at this gateway until it expires.';
  static override examples = [
    {
      description: 'Run psql as alice without a login',
      command: 'GW_ID_TOKEN=$(<%= config.bin %> quickstart token alice) <%= config.bin %> exec bank-db -- psql -c "select 1"',
    },
    { description: 'Of a world in another directory', command: '<%= config.bin %> quickstart token ci-bot --dir ./world' },
  ];

  static override args = { name: stringArg({ description: 'alice, bob, carol, ci-bot or ledger-agent.', required: true }) };
  static override flags = { dir: string({ summary: 'Directory of the world.', helpValue: 'DIR' }) };

  async run(): Promise<{ readonly name: string; readonly token: string }> {
    const { args, flags } = await this.parse(QuickstartToken);
    const { quickstartToken } = await import('../../quickstart/quickstart-token.js');
    const token = await quickstartToken(args.name, flags.dir ?? null);
    this.print(token);
    return { name: args.name, token };
  }
}
