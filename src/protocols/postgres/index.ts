/** The PostgreSQL island: what the registry sees of it. */
import type { Protocol, ProtocolDescriptor } from '../../contract/protocol.js';
import { readBoundParameters } from './bound-parameters.js';
import { postgresCatalog } from './catalog/load-catalog.js';
import { PostgresEngine } from './engine.js';
import { estimate, estimateStartup } from './estimate.js';
import { factsOf, prepareParser } from './facts/index.js';
import { login, type PostgresStartup } from './login.js';
import { explainMasking } from './masking/explain-masking.js';
import { sampleColumns, sampleStartup } from './masking/sample-columns.js';
import { actions, facts, resources } from './operations.js';
import { optionsSchema, parseOptions } from './options.js';
import { parameterLiterals } from './replay/parameter-literals.js';
import { renderResult } from './replay/render-result.js';
import { scriptStatement } from './replay/script-statement.js';
import { connect } from './upstream.js';

const descriptor: ProtocolDescriptor = {
  kind: 'postgres',
  title: 'PostgreSQL',
  defaultPort: 5432,
  recording: 'sql',
  assurance: 'enforced',
  actions,
  facts,
  resources,
  tagged: 'relation',
  client: {
    command: 'psql',
    args: [],
    env: {
      PGHOST: '{host}',
      PGPORT: '{port}',
      PGUSER: '{target}',
      PGDATABASE: '{database}',
      PGPASSWORD: '{secret}',
      PGSSLMODE: 'disable',
      PGGSSENCMODE: 'disable',
      PGCLIENTENCODING: 'UTF8',
      // Removed from the client's environment: each could lead it elsewhere, or make it ask for what a local port does not offer.
      PGHOSTADDR: '',
      PGSERVICE: '',
      PGREQUIREAUTH: '',
      PGCHANNELBINDING: '',
      PGSSLNEGOTIATION: '',
      PGTARGETSESSIONATTRS: '',
    },
    url: 'postgresql://{target}:{secret}@{host}:{port}/{database}?sslmode=disable',
    install: [
      'Debian, Ubuntu: apt install postgresql-client',
      'Fedora, RHEL: dnf install postgresql',
      'macOS: brew install libpq',
      'Windows: winget install PostgreSQL.PostgreSQL',
    ],
  },
  factsOf,
};

export const postgres: Protocol = {
  kind: 'postgres',
  descriptor,
  parseOptions,
  optionsSchema,
  prepare: prepareParser,
  serverIdentity: null,
  authorities: null,
  login,
  connect,
  engine: (context, startup, ready) => new PostgresEngine(context, startup as PostgresStartup, ready),
  approvals: { parameters: readBoundParameters, estimate, estimateStartup },
  catalog: postgresCatalog,
  masking: { explain: explainMasking, startup: sampleStartup, sample: sampleColumns },
  replay: { result: renderResult, literals: parameterLiterals, prompt: '=> ', comment: '-- ', statement: scriptStatement },
};
