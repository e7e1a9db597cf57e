/**
 * The shape of a policy file (`version: 1`), once: types, validation and the JSON schema all come from here. Words of protocols (actions,
 * facts, types of resources) are checked afterwards against the descriptors. The shape is strict: an unknown key is an error, because
 * a restriction that is silently ignored is worse than a file that does not load.
 */
import { z } from 'zod';

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

const ruleSchema = z.strictObject({
  id: z
    .string()
    .max(64)
    .regex(/^[a-z0-9][a-z0-9-]*$/, 'must be lower-case letters, digits and hyphens')
    .describe('Unique in its file. Shown everywhere as `file/id`.'),
  effect: z.enum(['allow', 'deny']).describe('Deny beats allow, whatever the order.'),
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
  message: line(500).optional().describe('Shown with the decision: what the rule protects.'),
  hint: line(500).optional().describe('Shown with a refusal: what to do instead.'),
});

const defaultSchema = z.strictObject({
  operations: z.enum(['allow', 'deny']).describe('For an operation that no rule matches. Where several entries apply, deny wins; where none does, it is deny.'),
  targets: targetsSchema.optional().describe('Where. Left out: every target.'),
});

export const policyFileSchema = z.strictObject({
  version: z.literal(1).describe('Version of this format.'),
  description: text(2000).optional().describe('For the readers of the file.'),
  defaults: list(defaultSchema).optional().describe('What happens to operations that no rule matches.'),
  rules: z.array(ruleSchema).max(10_000).optional().describe('The rules. Their order decides nothing but which of several matching denials is named.'),
});

export type SubjectsText = z.infer<typeof subjectsSchema>;
export type TargetsText = z.infer<typeof targetsSchema>;
export type RuleText = z.infer<typeof ruleSchema>;
export type PolicyFileText = z.infer<typeof policyFileSchema>;

/** Keys that may stand in each mapping of fixed shape, for suggestions. */
export const KEYS = {
  file: Object.keys(policyFileSchema.shape),
  rule: Object.keys(ruleSchema.shape),
  defaults: Object.keys(defaultSchema.shape),
  subjects: Object.keys(subjectsSchema.shape),
  targets: Object.keys(targetsSchema.shape),
} as const;

/** Words kept free for later versions of the language: refused as not supported, which says more than "unknown". */
export const RESERVED_KEYS: ReadonlySet<string> = new Set(['limits', 'approval', 'mask', 'during', 'tier', 'durability', 'break_glass']);
export const RESERVED_EFFECTS: ReadonlySet<string> = new Set(['require_approval', 'warn', 'mask']);
