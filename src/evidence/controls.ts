/**
 * Controls and objectives that examiners ask about, with the sections of the pack that hold evidence for each. A citation says where evidence is
 * looked for; it never says that anybody complies. Data only.
 */
import type { Framework } from './pack-scope.js';
import type { Ask, SectionId } from './sections/section.js';

export interface Control {
  readonly framework: Framework;
  /** As its source names it. */
  readonly control: string;
  readonly ask: string;
  readonly sections: readonly SectionId[];
  /** What an examiner asks. */
  readonly question: string;
  /** What it asks for and gw does not record, so that no section can answer it; null: nothing. */
  readonly lacks: string | null;
  /** What every row of its sections has to tell; null: nothing. */
  readonly asks: Ask | null;
}

const of =
  (framework: Framework) =>
  (control: string, ask: string, sections: string, question: string, lacks: string | null = null, asks: Ask | null = null): Control => ({
    framework,
    control,
    ask,
    sections: sections.split(' ') as SectionId[],
    question,
    lacks,
    asks,
  });

const RIGHTS = 'who approved a right: rules are reviewed where their files are versioned';
const POLICY = 'who wrote and who approved a policy file: it is reviewed where it is versioned';
const REVIEWS = 'reviews of the log, and what became of what they found';
const CLOCK = 'the offset of the gateway clock against a reference';

const ffiec = of('ffiec');
const csf = of('csf');
const cri = of('cri');
const pci = of('pci');
const soc2 = of('soc2');
const nydfs = of('nydfs');
const nist = of('nist');
const other = of('other');

export const CONTROLS: readonly Control[] = [
  ffiec(
    'IS Obj.6.8c; II.C.7(b)',
    'User-access program, least privilege, periodic independent review',
    'E02 E03',
    'Who can reach the ledger database today, and who last reviewed it?',
  ),
  ffiec(
    'IS Obj.6.8d; II.C.7(c)',
    'Segregation of duties; no administrator hides actions',
    'E05 E08',
    'Did anyone approve their own request, or edit their own policy?',
    POLICY,
  ),
  ffiec('IS Obj.6.20a-c', 'Enrol, authorize and monitor access rights', 'E02', 'Show the approval for these accounts.', RIGHTS),
  ffiec(
    'IS Obj.6.20d; II.C.15',
    'Privileged rights: event by event, documented, unique identity, logged, independently watched',
    'E04 E05 E13',
    'Which privileged uses had no approval? Who was behind each use of a shared account?',
  ),
  ffiec(
    'IS Obj.6.21b,f,g',
    'Access to systems and utilities logged and reviewed by user, terminal, date, time',
    'E04 E09',
    'Who ran utilities that alter data on this host?',
  ),
  ffiec(
    'IS Obj.6.22e,f',
    'Application access: limits of time of day, logged, alerts',
    'E06 E08 E16',
    'What alerts fired, and who handled them?',
    'alerts, and who handled them',
  ),
  ffiec(
    'IS Obj.6.23b; II.C.15(c)',
    'Remote access approved, logged, restricted in time, strongly authenticated, encrypted',
    'E04 E09',
    'Show all remote administration in March and how it was authenticated.',
    null,
    'authentication',
  ),
  ffiec('IS Obj.6.24a; II.C.15(d)', 'Log date, time, user, location, duration, activity', 'E09', 'Give the duration and the purpose of this session.'),
  ffiec(
    'IS Obj.6.29; II.C.18',
    'Database controls match sensitivity; application accounts are watched harder',
    'E07 E12',
    'How is an application or agent limited, compared with a person?',
  ),
  ffiec('IS Obj.6.18b', 'Limit access to data', 'E06 E07', 'What stops somebody from pulling a whole table?'),
  ffiec(
    'IS Obj.6.35; II.C.22',
    'Central log, timely transfer, integrity, restricted access, retention, independent review',
    'E10 E11',
    'Prove that the log of last quarter is complete and unaltered.',
  ),
  ffiec('IS Obj.8.4f', 'Independent monitoring of administrators', 'E08', 'Who watches the administrators of the gateway?'),
  ffiec('IS Obj.8.6b; III.D', 'Preserve evidence in incidents', 'E09 E11', 'Was evidence held, by whom, with which digest on receipt?'),
  ffiec('IS Obj.10.1; Obj.10.4', 'Independent assurance', 'E01 E14', 'Can internal audit verify this again without the vendor?'),
  ffiec(
    'AIO Obj.3.6i; Obj.3.7f-h,m',
    'Limit and independently monitor database administrators; review database logs',
    'E04',
    'What did database administrators do outside change windows?',
  ),
  ffiec('AIO Obj.3.7j', 'Restrict and monitor extraction of data', 'E04 E05 E06', 'List exports over so many rows, with approver and purpose.'),
  ffiec('AIO Obj.3.8d', 'Masked data outside production', 'E07', 'Did unmasked rows leave for a test system?'),
  ffiec('AIO Obj.13.6i', 'A gateway in front of interfaces filters data and limits size', 'E06 E07', 'Which requests were cut off, and why?'),
  ffiec(
    'AIO Obj.14.3; VI.A.3',
    'Identity and access management, stronger authentication for privileged use',
    'E02 E04 E09',
    'Which privileged sessions lacked strong authentication?',
    null,
    'authentication',
  ),
  ffiec(
    'AIO Obj.15.7; VI.B.7',
    'Log policy: objectives, access to settings, review, retention, escalation, false positives',
    'E08 E10 E16',
    'Who can change log settings, and what is the rate of false positives?',
    'false positives, and who may change the settings of the gateway',
  ),
  ffiec(
    'DAM Obj.4.9e,f,h-j',
    'Interfaces deny by default, by role, log requests and answers, protect logs',
    'E06 E09',
    'Show the log of one call from end to end.',
  ),
  ffiec('DAM Obj.11.1a', 'Masked data outside production', 'E07', 'Did unmasked rows leave for a test system?'),
  ffiec('DAM Obj.11.2b', 'CI/CD: secure credentials, logged activity, nobody goes round', 'E12 E13', 'Which run, commit and person executed this migration?'),
  ffiec(
    'DAM Obj.13.1i; VII.A',
    'Maintenance access only to the part and for the time needed; logs reviewed',
    'E05',
    'Was anything used after the window closed?',
  ),
  ffiec(
    'DAM Obj.14.2; Obj.14.4b; VII.B.3(c)',
    'Changes approved before; emergency changes documented after',
    'E05 E15',
    'Which changes had no ticket? Was break-glass reviewed?',
  ),
  ffiec(
    'Authentication and Access to Financial Institution Services and Systems, 2021-08-11',
    'Users include service accounts, applications and devices; monitor, log, report',
    'E02 E04 E09 E12',
    'How are system identities authenticated and inventoried?',
    null,
    'authentication',
  ),
  ffiec('Audit booklet, work papers and CAATs', 'Working papers support findings; tools for sampling', 'E14', 'Perform this test again.'),
  csf('PR.AA-05', 'Access permissions are managed, with least privilege and separation of duties', 'E02 E05', 'Who has access, and who gave it?'),
  csf('PR.PS-04', 'Log records are generated and available for continuous monitoring', 'E01 E10', 'What is logged, and is it complete?'),
  csf('DE.CM-03', 'Personnel activity and technology usage are monitored', 'E04 E09', 'What did privileged users do?'),
  csf('DE.CM-09', 'Computing, software and data are monitored for adverse events', 'E04 E06', 'What was blocked?'),
  csf(
    'RS.AN-06',
    'Actions in an investigation are recorded; integrity and provenance of records are preserved',
    'E09 E10',
    'Can this record be shown to be unchanged?',
  ),
  csf('RS.AN-07', 'Incident data and metadata are collected; integrity and provenance are preserved', 'E09 E10 E11', 'What did the compromised identity read?'),
  csf('PR.DS-01', 'Data at rest is protected', 'E07 E11', 'Which sensitive values do the records hold?'),
  csf('PR.DS-10', 'Data in use is protected', 'E07', 'Who saw full values, and why?'),
  cri('PR.AA-02.01', 'Activity is attributed to one identified user', 'E02 E04', 'Who was behind each use?'),
  cri('PR.AA-05.01', 'Access is limited by least privilege', 'E02', 'Which rights are there, and which were used?'),
  cri('PR.AA-05.02', 'Privileged access is limited in time', 'E05', 'For how long was access granted?'),
  cri('PR.AA-05.03', 'Service accounts have a life cycle', 'E12 E13', 'Which service identities are there?'),
  cri('PR.AA-05.04', 'Third-party access is limited and ended', 'E03', 'Was the access of the contractor gone on day one?'),
  cri('PR.PS-01.04', 'Changes to settings are controlled', 'E08', 'Who changed the policy, and when?', POLICY),
  cri('PR.PS-04.01', 'Logging covers what matters', 'E01 E04', 'Which systems are logged?'),
  cri('PR.PS-04.02', 'Failures of logging are noticed', 'E01 E10', 'When did logging fail?'),
  cri('PR.PS-04.03', 'Logs are protected', 'E10', 'Who read the log?'),
  cri('DE.CM-03.01', 'Privileged activity is reviewed', 'E04', 'Which privileged operations were there?'),
  cri('DE.CM-03.02', 'Unauthorized activity is found', 'E06', 'What was refused?'),
  cri('DE.CM-03.03', 'Access to sensitive data is watched', 'E07', 'Who read sensitive data in clear?'),
  cri('PR.DS-01', 'Data at rest is protected', 'E07', 'Is sensitive data in the records masked?'),
  cri('PR.DS-02', 'Data in transit is protected', 'E09', 'By which way did each session come in?'),
  cri('PR.DS-10', 'Data is masked where it need not be seen', 'E07', 'What was masked, for whom?'),
  cri('PR.IR-01.05', 'Access from outside is controlled', 'E09', 'From where did each session come?'),
  cri('RS.AN-07.01', 'Forensic data is collected and kept intact', 'E09 E10', 'Replay this session, and prove that it is unchanged.'),
  cri('EX.MM-02.01', 'Third parties are monitored', 'E03', 'What did third parties do?'),
  pci(
    '7.2.5; 8.6.1-8.6.3',
    'Application and system accounts: least privilege; interactive use is exceptional, justified, approved, attributable',
    'E12 E15',
    'Who used this service account interactively?',
  ),
  pci(
    '10.2.1.1-10.2.1.7',
    'Log access to card data, acts of administrators, access to logs, failures, changes of credentials, stop of logging',
    'E04 E06 E08 E10',
    'Show the log of each of these kinds.',
  ),
  pci('10.2.2', 'Six fields of every entry: who, what, when, outcome, where from, on what', 'E04', 'Check these records field by field.'),
  pci(
    '10.3.1-10.3.4',
    'Logs can be read by few, not be changed, are copied promptly, and checked for changes',
    'E10',
    'Who read the logs, and what shows that they are unchanged?',
  ),
  pci('10.4.1.1', 'Automated review of logs', 'E16', 'What was found by review?', REVIEWS),
  pci('10.5.1', 'Logs are kept for twelve months, three of them at hand', 'E11', 'Show the oldest record.'),
  pci('10.6', 'Time is synchronized', 'E01', 'How far was the clock off?', CLOCK),
  pci(
    '10.7.2',
    'Failures of critical controls are noticed and answered',
    'E01 E10',
    'What happened when logging failed?',
    'when a failure of logging was answered, and by whom',
  ),
  pci('3.3.1', 'Sensitive authentication data is not kept', 'E07', 'Is there a security code in the recordings?'),
  pci('3.4.1', 'At most BIN and last four digits of a card number are shown', 'E07', 'Who saw full card numbers, and why?'),
  pci('3.4.2', 'Copying card numbers by remote access is prevented', 'E06 E07', 'What stops a copy?'),
  pci('3.5.1.1', 'Digests of card numbers are keyed', 'E07', 'How are card numbers made tokens?'),
  soc2('CC6.1', 'Logical access security', 'E02 E06', 'What protects access to the system?'),
  soc2('CC6.2', 'Users are registered and authorized, and removed', 'E02 E03', 'Give the population of grants, and show that it is complete.'),
  soc2('CC6.3', 'Access by role, least privilege, segregation of duties', 'E02 E05', 'Who approved what for whom?'),
  soc2('CC6.6', 'Access from outside is protected', 'E06 E09', 'What was refused at the boundary?'),
  soc2('CC6.7', 'Movement of information is restricted', 'E06 E07', 'Which data left, and masked how?'),
  soc2('CC7.2', 'Anomalies are monitored', 'E06 E16', 'What was detected?'),
  soc2('CC7.3', 'Security events are evaluated', 'E06 E16', 'What became of what was detected?', REVIEWS),
  soc2('CC8.1', 'Changes are authorized and documented', 'E08', 'Which changes were made, and by whom?', POLICY),
  nydfs('500.6', 'Reconstruct material transactions (5 years); audit trail (3 years)', 'E10 E11', 'Show a record that is three years old.'),
  nydfs('500.7(a)', 'Limit privileged accounts and their use; review at least once a year', 'E03 E04', 'Was privileged access used only for what needs it?'),
  nydfs('500.7(c)', 'Class A: manage and monitor privileged access', 'E04 E05', 'How is privileged activity monitored?'),
  nydfs('500.12', 'Multi-factor authentication', 'E04 E09', 'Which sessions were authenticated how?', null, 'authentication'),
  nydfs('500.14', 'Monitor the activity of authorized users', 'E04 E06', 'What did authorized users do that they should not?'),
  nydfs('500.17', 'Scope of an incident, soon', 'E04', 'All that an identity touched.'),
  ...(
    [
      ['AC-2', 'Account management', 'E02 E12'],
      ['AC-3', 'Access enforcement', 'E06'],
      ['AC-5', 'Separation of duties', 'E05'],
      ['AC-6(5)', 'Privileged accounts', 'E02'],
      ['AC-6(7)', 'Review of user privileges', 'E03'],
      ['AC-6(9)', 'Log use of privileged functions', 'E04'],
      ['AC-12', 'Session termination', 'E09'],
      ['AC-17(1)', 'Monitoring and control of remote access', 'E09'],
      ['AU-2', 'Event logging', 'E01'],
      ['AU-3', 'Content of audit records', 'E04'],
      ['AU-3(1)', 'Additional audit information', 'E04'],
      ['AU-6', 'Audit record review, analysis and reporting', 'E16', REVIEWS],
      ['AU-7(1)', 'Automatic processing', 'E14'],
      ['AU-8', 'Time stamps', 'E01'],
      ['AU-9', 'Protection of audit information', 'E10'],
      ['AU-9(2)', 'Store on separate systems', 'E10'],
      ['AU-9(3)', 'Cryptographic protection', 'E10'],
      ['AU-9(4)', 'Access by a subset of privileged users', 'E10'],
      ['AU-10', 'Non-repudiation', 'E05 E10'],
      ['AU-11', 'Audit record retention', 'E11'],
      ['AU-12', 'Audit record generation', 'E01 E04'],
      ['AU-12(1)', 'System-wide and time-correlated audit trail', 'E01'],
      ['IA-2', 'Identification and authentication of users', 'E02 E09', null, 'authentication'],
      ['IA-4', 'Identifier management', 'E02'],
      ['IA-5', 'Authenticator management', 'E13'],
      ['IA-8', 'Identification and authentication of others', 'E09 E12', null, 'authentication'],
      ['SI-4(20)', 'Privileged users', 'E04'],
    ] as readonly (readonly [id: string, title: string, sections: string, lacks?: string | null, asks?: Ask])[]
  ).map(([id, title, sections, lacks, asks]) => nist(id, title, sections, 'Satisfied, or not, with the observations.', lacks, asks)),
  other(
    '12 CFR 30 App.B III.C.1a,e,f; III.D',
    'Access control, dual control, monitoring of attacks; service providers',
    'E02 E05 E06',
    'Which vendors accessed customer information?',
  ),
  other(
    '16 CFR 314.4(c)(1),(3),(5),(6),(8)',
    'Access limits, monitoring of authorized users, disposal',
    'E04 E07 E11',
    'How do you detect misuse by authorized users?',
  ),
  other('SOX ITGC (PCAOB AS 2201)', 'Access and change; reports are complete and accurate', 'E01', 'How do you know that the report misses no rows?'),
  other(
    'SR 26-2; NIST AI RMF GOVERN, MANAGE',
    'Agents: inventory, oversight, evidence of incidents',
    'E05 E12 E16',
    'Who owns each agent, and what can it do?',
  ),
  other('Interagency TPRM 2023-06', 'Monitor third parties over their life; end their access', 'E03', 'Was the access of the contractor gone on day one?'),
  other('12 CFR 53; 225 N; 304 C', 'Scope of an incident within 36 hours', 'E04', 'What did the compromised identity read?'),
];
