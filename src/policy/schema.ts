/**
 * The shape of a policy file (`version: 1`), once: types, validation and the JSON schema all come from here. Words of protocols (actions,
 * facts, types of resources) are checked afterwards against the descriptors. The shape is strict: an unknown key is an error, because
 * a restriction that is silently ignored is worse than a file that does not load.
 */
import { z } from 'zod';
import { parseByteSize } from '../base/byte-size.js';
import { parseDuration } from '../base/duration.js';
import { TIERS } from '../contract/decision.js';
import { TREATMENTS } from '../contract/masking.js';
import { CONDITION_USES, UNAPPROVED } from '../contract/masking-policy.js';
import { isZone, parseDates, parseDays, parseHours } from './time-window.js';

const LINE = /^[^\p{Cc}]*$/u;

const text = (limit: number): z.ZodString => z.string().min(1).max(limit);
const line = (limit: number): z.ZodString => text(limit).regex(LINE, 'must be one line of printable text');
const list = <T extends z.ZodType>(item: T): z.ZodArray<T> => z.array(item).min(1).max(1000);
const oneOrMore = <T extends z.ZodType>(item: T): z.ZodUnion<[T, z.ZodArray<T>]> => z.union([item, list(item)]);
/** Words to values, at least one. The words themselves are checked elsewhere, where they mean something. */
const mapping = <T extends z.ZodType>(limit: number, value: T): z.ZodRecord<z.ZodString, T> =>
  z
    .record(text(limit), value)
    .refine((entries) => Object.keys(entries).length > 0, 'is empty, which would restrict nothing; leave the key out, or name something');
const scalar = z.union([text(1000), z.number(), z.boolean()]);

const subjectsSchema = z.strictObject({
  groups: list(text(500)).optional().describe('Member of at least one of these groups. Exact names.'),
  kinds: list(z.enum(['person', 'service', 'agent']))
    .optional()
    .describe('Kind of the identity.'),
  issuers: list(text(1000)).optional().describe('Issuer of the login, exactly as in the token.'),
  ids: list(text(1500)).optional().describe('`issuer#subject`; or the subject alone where `issuers` is given too.'),
  emails: list(text(320)).optional().describe('E-mail address; an allow rule takes only a verified one. ASCII case is ignored.'),
  claims: mapping(500, oneOrMore(scalar))
    .optional()
    .describe('Claims of the token: name (or JSON pointer such as `/kubernetes.io/namespace`) to the value or values wanted.'),
});

const targetsSchema = z.strictObject({
  names: list(text(200)).optional().describe('Names of targets; `*` stands for any run of characters.'),
  labels: mapping(200, oneOrMore(text(200)))
    .optional()
    .describe('Labels of the target: every key given must have one of its values.'),
  protocols: list(text(64)).optional().describe('Kinds of protocol.'),
});

/** A duration from a second to `days` days. */
const duration = (days: number): z.ZodString =>
  z.string().refine((value) => {
    const ms = parseDuration(value);
    return ms !== null && ms >= 1000 && ms <= days * 86_400_000;
  }, `must be a duration from \`1s\` to \`${days}d\`, such as \`30m\` or \`8h\``);
const count = z.number().int('must be a whole number').min(1).max(1_000_000_000);

const windowSchema = z.strictObject({
  zone: z
    .string()
    .refine(isZone, 'must be a time zone such as `Europe/Berlin` or `UTC`')
    .describe('Zone of the IANA database in whose wall clock days and hours are meant.'),
  days: list(
    z.string().refine((value) => parseDays(value) !== null, 'must be days: `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`, or a range such as `mon-fri`'),
  )
    .optional()
    .describe('Days of the week. Left out: every day.'),
  hours: z
    .string()
    .refine(
      (value) => parseHours(value) !== null,
      'must be hours such as `08:00-18:00`; over midnight `22:00-06:00`, which belongs to the day on which it starts',
    )
    .optional()
    .describe('From the first minute named to before the last. Left out: the whole day.'),
  dates: z
    .string()
    .refine((value) => parseDates(value) !== null, 'must be a date such as `2026-12-24`, or two with the earlier first: `2026-12-20..2027-01-02`')
    .optional()
    .describe('Dates, first and last included. Left out: every date.'),
});

const approvalSchema = z.strictObject({
  groups: list(text(500)).describe('Members of these groups may approve. Exact names. Never the requester, never an agent.'),
  quorum: z.number().int('must be a whole number').min(1).max(20).optional().describe('How many distinct people must approve. Left out: 1.'),
  expires: duration(7).optional().describe('How long a request waits for approval. Left out: `30m`.'),
  grants: duration(30)
    .optional()
    .describe('A time-boxed access grant of at most this length, approved ahead of time, stands in while it lives. Left out: each one is approved by itself.'),
});

const limitsSchema = z
  .strictObject({
    rows: count.optional().describe('Rows that one operation may return, or change.'),
    bytes: z
      .string()
      .refine((value) => (parseByteSize(value) ?? 0) >= 1, 'must be a size such as `10MiB` or `512KiB`')
      .optional()
      .describe('Bytes of results that one operation may deliver, such as `10MiB`.'),
    seconds: z.number().int('must be a whole number').min(1).max(86_400).optional().describe('How long one operation may run.'),
    statements: count.optional().describe('Operations of one session; the one after is refused.'),
  })
  .refine((limits) => Object.keys(limits).length > 0, 'is empty, which would limit nothing; leave the key out, or name a limit');

const breakGlassSchema = z.strictObject({
  groups: list(text(500)).describe(
    'Members of these groups may go past the approval in an emergency: loudly, for a limited time, and reviewed by somebody else afterwards.',
  ),
  for: duration(1).describe('How long such a session may run.'),
});

const tierSchema = z.strictObject({ approval: approvalSchema.optional().describe('For rules of this file with this tier that ask and do not say whom.') });

const ruleSchema = z.strictObject({
  id: z
    .string()
    .max(64)
    .regex(/^[a-z0-9][a-z0-9-]*$/, 'must be lower-case letters, digits and hyphens')
    .describe('Unique in its file. Shown everywhere as `file/id`.'),
  effect: z
    .enum(['allow', 'deny', 'require_approval', 'warn'])
    .describe('Deny beats require_approval beats allow, whatever the order. `warn` changes nothing and shows its message.'),
  tier: z
    .enum(TIERS)
    .optional()
    .describe('Risk tier. The decision carries the highest of all rules that apply; at `critical` an approver types the name of the target.'),
  during: oneOrMore(windowSchema).optional().describe('When. Outside of these windows the rule does not exist. Left out: always.'),
  description: text(2000).optional().describe('For the readers of the file.'),
  subjects: subjectsSchema.optional().describe('Who. Left out: everyone.'),
  targets: targetsSchema.optional().describe('Where. Left out: every target.'),
  actions: list(text(64)).describe(
    'What: names of actions, `connect` to open a session, or `*` for every operation (never `connect`; for an allow rule never `unknown`).',
  ),
  resources: list(
    z
      .record(text(64), oneOrMore(text(500)))
      .refine((entry) => Object.keys(entry).length === 1, 'must name one type of resource, e.g. `relation: bank.*`')
      .describe('One type of resource and the pattern or patterns for its names.'),
  )
    .optional()
    .describe('On what: at least one entry must match. Left out: on anything, also on nothing in particular.'),
  columns: list(text(200)).optional().describe('Columns or fields of the resource. Allow: it touches no others. Deny: it touches, or may touch, one of these.'),
  facts: mapping(64, oneOrMore(scalar)).optional().describe('Facts of the effect: every key given must have one of its values.'),
  when: text(4096)
    .optional()
    .describe('CEL condition over `subject`, `target`, `effect`, `operation` and `now`; must be a bool. One that fails when it is evaluated denies.'),
  approval: approvalSchema
    .optional()
    .describe('In a `require_approval` rule: who approves. In an `allow` rule with `limits.rows`: who may let a write through that changed more.'),
  limits: limitsSchema.optional().describe('What an operation that this rule allows, or asks for, is held to. The tightest of all rules that apply holds.'),
  break_glass: breakGlassSchema.optional().describe('In a `require_approval` rule: who may go past it in an emergency.'),
  record: z
    .literal('client')
    .optional()
    .describe('In a rule that names `connect`: sessions open only for a client (`gw connect`, `gw exec`) that records its terminal and uploads the recording.'),
  as: list(text(300))
    .optional()
    .describe(
      'In a rule for `connect`: accounts at the target that it is about, by name or made from who asks (`{{subject.local}}`: the part of the verified e-mail address before the `@`; `{{subject.id}}`; `{{subject.claims.NAME}}`). Left out: an allow rule is about the account of the target’s configuration, a rule that restricts about every account.',
    ),
  message: line(500).optional().describe('Shown with the decision: what the rule protects.'),
  hint: line(500).optional().describe('Shown with a refusal: what to do instead.'),
});

const defaultSchema = z.strictObject({
  operations: z.enum(['allow', 'deny']).describe('For an operation that no rule matches. Where several entries apply, deny wins; where none does, it is deny.'),
  targets: targetsSchema.optional().describe('Where. Left out: every target.'),
});

const className = z
  .string()
  .max(64)
  .regex(/^[a-z][a-z0-9_]*$/, 'must be lower-case letters, digits and underscores');
const treatment = z.enum(TREATMENTS);
const conditions = z
  .enum(CONDITION_USES)
  .describe('Whether such a column may decide which rows are shown, in what order or groups. `equality`: only compared with values that are known already.');

const classSchema = z
  .strictObject({
    treatment: treatment.optional().describe('How everyone sees it for whom no mask rule says otherwise. Left out: what gw ships for the class, else `mask`.'),
    detect: z.boolean().optional().describe('Found by its content in text without a tag, too; for classes that gw has a detector for.'),
    screen: z
      .boolean()
      .optional()
      .describe('With `detect`, for protocols that deliver text and no rows: also hidden from who works on a terminal, not only in the record.'),
    output: z
      .boolean()
      .optional()
      .describe('With `detect`, for such protocols: hidden from who works wherever it is delivered, also in what programs say without a terminal.'),
    keep_length: z.boolean().optional().describe('`partial` keeps the length and the separators of the value.'),
    show_bin: z
      .boolean()
      .optional()
      .describe('Of class `pan`: `partial` shows the first six digits (the BIN, which says whose card it is) beside the last four.'),
    description: text(2000).optional().describe('For the readers of the file.'),
  })
  .refine((entry) => Object.keys(entry).length > 0, 'is empty; leave the class out, or say something of it');

const dataSchema = z.strictObject({
  class: oneOrMore(className).describe('Class or classes of what the column holds.'),
  targets: targetsSchema.optional().describe('Where. Left out: every target.'),
  description: text(2000).optional().describe('For the readers of the file.'),
});

const maskSchema = z.strictObject({
  id: z
    .string()
    .max(64)
    .regex(/^[a-z0-9][a-z0-9-]*$/, 'must be lower-case letters, digits and hyphens')
    .describe('Unique in its file among masks and rules. Shown everywhere as `file/id`.'),
  description: text(2000).optional().describe('For the readers of the file.'),
  subjects: subjectsSchema.optional().describe('Who. Left out: everyone.'),
  targets: targetsSchema.optional().describe('Where. Left out: every target.'),
  classes: list(className).optional().describe('Which classes. Left out: all.'),
  columns: list(text(500))
    .optional()
    .describe('Which tagged columns, as in `data`; with `detected`, which without a tag as well. Left out: all that are tagged.'),
  treatment: treatment.optional().describe('How they see it. Of several rules that apply the strictest holds; it takes the place of what the class says.'),
  conditions: conditions.optional(),
  output: z
    .boolean()
    .optional()
    .describe(
      'Whether what detectors find of it in text is hidden wherever it is delivered, also without a terminal; it takes the place of what the class says.',
    ),
  resolve_tokens: z
    .literal(true)
    .optional()
    .describe('A token that gw gave them finds its row: compared with a column of the class (`=`, `IN`), it stands for the value.'),
  needs_reason: z.literal(true).optional().describe('Only in a session that was opened with a reason (`--reason`).'),
  needs_approval: z
    .literal(true)
    .optional()
    .describe('Only for a statement that people approved, or in a session that they let be opened or gave a grant for. Break-glass is no approval.'),
  approval: approvalSchema
    .optional()
    .describe(
      'With `treatment: clear`: who may let a statement show it. A statement whose result would show such a column is held, reviewers see which columns of which class it would show, and their yes is good for these.',
    ),
  detected: z
    .literal(true)
    .optional()
    .describe(
      'With `approval` and `columns`: also what detectors find of the classes in the text of columns that carry no tag. A statement that shows such a column is held.',
    ),
  unapproved: z
    .enum(UNAPPROVED)
    .optional()
    .describe(
      'With `approval`: what becomes of a statement that they do not let show it, or not in the time that it waits: it is refused, or its values stay masked. Left out: `refused`.',
    ),
});

export const policyFileSchema = z.strictObject({
  version: z.literal(1).describe('Version of this format.'),
  description: text(2000).optional().describe('For the readers of the file.'),
  tiers: z
    .partialRecord(z.enum(TIERS), tierSchema)
    .refine((tiers) => Object.keys(tiers).length > 0, 'is empty; leave the key out, or name a tier')
    .optional()
    .describe('What the tiers ask for in this file.'),
  defaults: list(defaultSchema).optional().describe('What happens to operations that no rule matches.'),
  classes: mapping(64, classSchema).optional().describe('Classes of sensitive data and how they are shown.'),
  data: mapping(500, dataSchema)
    .optional()
    .describe('Where sensitive data is: a column by the names of its relation and itself, `*` standing for any run of characters within one part.'),
  masks: z.array(maskSchema).max(1000).optional().describe('Who sees which class how. Their order decides nothing.'),
  rules: z.array(ruleSchema).max(10_000).optional().describe('The rules. Their order decides nothing but which of several matching rules is named.'),
});

export type SubjectsText = z.infer<typeof subjectsSchema>;
export type TargetsText = z.infer<typeof targetsSchema>;
export type RuleText = z.infer<typeof ruleSchema>;
export type MaskText = z.infer<typeof maskSchema>;
export type ApprovalText = z.infer<typeof approvalSchema>;
export type TiersText = PolicyFileText['tiers'];
export type PolicyFileText = z.infer<typeof policyFileSchema>;

/** Keys that may stand in each mapping of fixed shape, for suggestions. */
export const KEYS = {
  file: Object.keys(policyFileSchema.shape),
  rule: Object.keys(ruleSchema.shape),
  defaults: Object.keys(defaultSchema.shape),
  subjects: Object.keys(subjectsSchema.shape),
  targets: Object.keys(targetsSchema.shape),
  during: Object.keys(windowSchema.shape),
  approval: Object.keys(approvalSchema.shape),
  limits: Object.keys(limitsSchema.shape),
  break_glass: Object.keys(breakGlassSchema.shape),
  class: Object.keys(classSchema.shape),
  tag: Object.keys(dataSchema.shape),
  mask: Object.keys(maskSchema.shape),
  tiers: TIERS,
  tier: Object.keys(tierSchema.shape),
} as const;

/** Words kept free for later versions of the language: refused as not supported, which says more than "unknown". */
export const RESERVED_KEYS: ReadonlySet<string> = new Set(['durability']);
export const RESERVED_EFFECTS: ReadonlySet<string> = new Set(['mask']);
