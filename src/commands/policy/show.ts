/** `gw policy show`: the text behind a digest, for ever. */
import { string as stringArg } from '@oclif/core/args';
import { boolean } from '@oclif/core/flags';
import { GwCommand } from '../../cli/base-command.js';
import { visible, visibleLines, writeData } from '../../cli/terminal.js';
import type { PolicyText } from '../../contract/policy-types.js';

export default class PolicyShow extends GwCommand {
  static override summary = 'Show the text of a policy by its digest.';
  static override description =
    'Every policy that was ever in force on the gateway is kept with its files, so a decision of any age can be read with its text. For auditors and admins.';
  static override examples = [
    { description: 'The policy in force', command: '<%= config.bin %> policy show' },
    { description: 'The one that a recorded decision names', command: '<%= config.bin %> policy show sha256:4f1c2a90b3d1' },
    { description: 'What the digest is taken over', command: '<%= config.bin %> policy show --canonical | sha256sum' },
  ];
  static override args = { digest: stringArg({ description: 'Digest, or at least its first 6 digits. Left out: the policy in force.' }) };
  static override flags = { canonical: boolean({ summary: 'Print the canonical JSON, whose SHA-256 is the digest, instead of the files.' }) };

  async run(): Promise<PolicyText> {
    const { args, flags } = await this.parse(PolicyShow);
    const { client } = await this.connect(flags);
    const policy = await client.policyText(args.digest ?? null);
    if (flags.canonical) {
      // Exactly the bytes of the digest: no line break is added.
      if (!this.jsonEnabled()) writeData(policy.canonical);
      return policy;
    }
    this.print(`# ${policy.digest}, in force since ${policy.since}`);
    for (const { path, text } of policy.files) this.print(`# ---- ${visible(path)}\n${visibleLines(text).trimEnd()}`);
    return policy;
  }
}
