/**
 * THE error catalogue: every error that gw shows to anyone has a stable code here, with what it means and what to do next.
 * `docs/errors.md` is generated from it and a test holds the two equal. Codes are public surface: never rename, never reuse.
 *
 * kind     who is at fault, and so how each protocol, HTTP and the CLI say it
 * exit     the CLI's exit code (design section 10)
 * http     the API's status
 * retry    whether the same call may succeed later without a change
 * hint     the next step, in the imperative; callers may give a more exact one
 */
export type ErrorKind = 'usage' | 'login' | 'denied' | 'not-found' | 'conflict' | 'limit' | 'upstream' | 'protocol' | 'integrity' | 'internal';

export interface ErrorEntry {
  readonly kind: ErrorKind;
  readonly exit: number;
  readonly http: number;
  readonly retry: boolean;
  readonly meaning: string;
  readonly hint: string;
}

const entry = (kind: ErrorKind, exit: number, http: number, retry: boolean, meaning: string, hint: string): ErrorEntry => ({
  kind,
  exit,
  http,
  retry,
  meaning,
  hint,
});

export const ERRORS = {
  // ---- usage and configuration
  'usage.invalid': entry('usage', 2, 400, false, 'An argument, flag or request body is not valid.', 'Read the message, and `gw help COMMAND` for what is accepted.'),
  'config.invalid': entry('usage', 2, 500, false, 'The gateway configuration is not valid.', 'Correct the file at the position given; `gw gateway check` validates it.'),
  'policy.invalid': entry('usage', 2, 500, false, 'A policy file is not valid. The previous policy stays in force.', 'Correct the file at the position given; `gw gateway check` validates it.'),
  'client.missing': entry('usage', 2, 400, false, 'The program to run is not on this machine.', 'Install it, or use `gw connect TARGET --listen` with a client that you have.'),
  // ---- identity
  'login.required': entry('login', 4, 401, false, 'There is no valid login for this gateway.', 'Run `gw login`.'),
  'login.failed': entry('login', 4, 401, false, 'The identity provider or the gateway refused the login.', 'Run `gw login` again; `gw doctor` checks clock, TLS and issuer.'),
  'login.token_invalid': entry('login', 4, 401, false, 'The presented token was not accepted.', 'Run `gw login`, or present a fresh token issued for this gateway.'),
  'login.expired': entry('login', 4, 401, false, 'The login behind this session has expired.', 'Run `gw login` and connect again.'),
  'login.locked': entry('denied', 3, 403, false, 'This identity is locked.', 'Ask an administrator of the gateway to unlock it.'),
  'login.store': entry('internal', 1, 500, false, 'The login could not be stored or read on this machine.', 'Run `gw doctor`; GW_KEYRING=file keeps logins in a file instead of the keychain.'),
  'login.unavailable': entry('upstream', 75, 503, true, 'The identity provider could not be reached, so the login could not be checked.', 'Try again in a moment; if it persists, tell an administrator of the gateway.'),
  'login.throttled': entry('limit', 75, 429, true, 'Too many failed logins from this address.', 'Wait a minute, then try again.'),
  // ---- policy
  'policy.connect_denied': entry('denied', 3, 403, false, 'Policy does not let this identity connect to this target.', 'Run `gw ls` to see the targets within reach and why the others are not.'),
  'policy.operation_denied': entry('denied', 7, 403, false, 'Policy refused this operation. Nothing of it reached the target.', 'Read the rule named in the detail; change the statement, or ask the owner of the policy.'),
  'policy.unknown': entry('not-found', 1, 404, false, 'No policy with this digest was ever in force on this gateway.', 'Take the digest from a decision, or run `gw policy show` for the policy in force.'),
  'policy.limit_exceeded': entry('denied', 7, 403, false, 'An operation went over a limit of policy. It was ended and what is beyond the limit was not delivered; where it alone could not be ended, its session was.', 'Ask for less at once (LIMIT, fewer columns), or ask the owner of the policy.'),
  // ---- approvals
  'approval.pending': entry('denied', 5, 409, true, 'This waits for approval, and waiting was not wanted or took too long. Nothing of it was done; what had run before anybody was asked is undone.', 'Run it again once it is approved: the approval is found by what is asked. `gw request show ID` says how it stands.'),
  'approval.denied': entry('denied', 6, 403, false, 'Approval was denied. Nothing of it was done; what had run before anybody was asked is undone.', 'Read the reason, talk to whoever denied it, and ask again with what was missing.'),
  'approval.expired': entry('denied', 6, 410, false, 'Nobody approved it before the request expired. Nothing of it was done; what had run before anybody was asked is undone.', 'Ask again, and tell the approvers that you wait.'),
  'approval.cancelled': entry('denied', 6, 409, false, 'The request for approval was cancelled or revoked. Nothing of it was done; what had run before anybody was asked is undone.', 'Ask again if it is still needed.'),
  'approval.stale': entry('conflict', 6, 409, false, 'What would be carried out is not what was asked or shown: the statement, its parameters or the policy changed.', 'Look at the request as it is now with `gw request show ID`, or ask again.'),
  'approval.unknown': entry('not-found', 1, 404, false, 'There is no such request, or it is not visible to this identity.', 'Run `gw approve` for what waits for you, and `gw request ls` for what you asked for.'),
  'approval.decided': entry('conflict', 1, 409, false, 'The request has been decided, used or ended already.', 'Run `gw request show ID` to see by whom and when.'),
  'approval.not_yours': entry('denied', 3, 403, false, 'This identity may not decide on this request: only people in the groups that it asks may, and never the requester.', 'Ask one of the groups named by `gw request show ID`.'),
  'approval.confirm': entry('usage', 2, 400, false, 'This request is of the highest tier: the name of its target must be given to approve it.', 'Read what it does, then type the name of the target, or give it with `--target`.'),
  'approval.not_offered': entry('denied', 3, 403, false, 'Policy does not offer this kind of access ahead of time, or not for so long.', 'Connect, and ask for approval of each statement when it is needed.'),
  'api.forbidden': entry('denied', 3, 403, false, 'This identity may not do this on the gateway.', 'Ask an administrator of the gateway.'),
  'api.not_found': entry('not-found', 1, 404, false, 'There is nothing at this path of the API.', 'Check that gw and the gateway are of the same version.'),
  'api.origin': entry('denied', 3, 403, false, 'The request names a host or origin that is not this gateway.', 'Use the address that the gateway publishes (publicUrl).'),
  'subject.unknown': entry('not-found', 1, 404, false, 'No such subject has logged in to this gateway.', 'Run `gw users ls` for the exact issuer and subject.'),
  // ---- sessions and targets
  'target.unknown': entry('not-found', 3, 404, false, 'There is no such target, or it is not visible to this identity.', 'Run `gw ls` to see the targets within reach.'),
  'target.unreachable': entry('upstream', 8, 502, true, 'The gateway could not reach the target.', 'Try again; if it persists, ask the owner of the target.'),
  'target.credential': entry('upstream', 8, 502, false, 'The credential that the gateway holds for this target could not be obtained or was refused.', 'Ask an administrator to check the credential of the target in the gateway configuration.'),
  'target.protocol': entry('protocol', 8, 502, false, 'The target sent something that its protocol does not allow.', 'The session was ended; ask the owner of the target to check what listens there.'),
  'session.unknown': entry('not-found', 1, 404, false, 'There is no such session, or it is not visible to this identity.', 'Run `gw sessions ls`.'),
  'session.killed': entry('denied', 3, 409, false, 'The session was ended by an administrator or its owner.', 'Ask the person named in the message, then connect again.'),
  'session.revoked': entry('denied', 3, 403, false, 'The right to this session ended while it was open.', 'Run `gw status` to see the state of the login.'),
  'session.limit': entry('limit', 75, 503, true, 'A limit of the gateway was reached.', 'Close other sessions or try again later.'),
  // ---- wire
  'protocol.violation': entry('protocol', 1, 400, false, 'The client sent something that the protocol does not allow.', 'Check the client; the connection was closed.'),
  'protocol.unsupported': entry('protocol', 7, 501, false, 'The gateway does not carry this feature of the protocol.', 'Use the alternative named in the message.'),
  'protocol.timeout': entry('protocol', 75, 408, true, 'The client did not complete the handshake in time.', 'Connect again.'),
  // ---- gateway
  'gateway.unreachable': entry('upstream', 8, 502, true, 'The gateway could not be reached.', 'Check the address with `gw config` and the network with `gw doctor`.'),
  'gateway.untrusted': entry('upstream', 8, 502, false, "The gateway's certificate is not trusted by this machine.", 'Give the certificate authority once: `gw login --ca-file FILE`, or set GW_CA_FILE.'),
  'gateway.listen': entry('usage', 1, 500, false, 'An address that the gateway should listen on cannot be used.', 'Choose another address in the configuration, or stop what already listens there.'),
  'gateway.start': entry('internal', 1, 500, false, 'The gateway could not start.', 'Read the message and the log lines before it; `gw gateway check` validates the configuration.'),
  'gateway.draining': entry('upstream', 75, 503, true, 'The gateway is shutting down and accepts no new sessions.', 'Try again in a moment.'),
  'store.unavailable': entry('internal', 75, 503, true, 'The state database of the gateway could not be reached.', 'Try again in a moment; if it persists, tell an administrator.'),
  'store.schema': entry('internal', 1, 500, false, 'The schema of the state database is not one that this version of gw can use.', 'Run the version of gw that last used this database, or a newer one.'),
  'store.start': entry('internal', 1, 500, false, 'A database server that gw runs itself could not be started.', 'Read the message: it names the directory or port and what to do.'),
  'store.in_use': entry('conflict', 1, 409, true, 'The directory belongs to another running process of gw.', 'Stop that process, or choose another directory.'),
  'quickstart.start': entry('internal', 1, 500, false, 'The quickstart world could not be started. Everything it had started was stopped again.', 'Read the message; `--port 0` avoids taken ports and `--dir` chooses another directory.'),
  'quickstart.unknown': entry('not-found', 1, 404, false, 'There is no quickstart world in this directory.', 'Start one with `gw quickstart`, or name its directory with `--dir`.'),
  'recording.required': entry('denied', 3, 403, false, 'Policy opens sessions on this target only for a client that records its terminal.', 'Use `gw connect TARGET` or `gw exec`: they record by themselves where policy wants it. A native port cannot.'),
  'recording.unknown': entry('not-found', 1, 404, false, 'There is no such client recording, it is not visible to this identity, or it is not open for this.', 'Run `gw recordings ls` for those that there are; start the command again to begin a new one.'),
  'recording.upload': entry('conflict', 1, 409, true, 'A piece of a client recording does not continue what the gateway has, or is not taken.', 'Run `gw recordings upload` again: it goes on from where the gateway is.'),
  'recording.limit': entry(
    'limit',
    75,
    429,
    true,
    'Too many client recordings of this identity, or too many bytes of them, are at the gateway without a session.',
    'Run `gw recordings upload` for those that wait; in a day they no longer count. What is too large stays on this machine: `gw recordings rm ID --force` gives it up.',
  ),
  'recording.local': entry('usage', 2, 400, false, 'A client recording or a long replay on this machine cannot be made, read or removed.', 'Read the message; `gw recordings ls` shows what is here and what was uploaded.'),
  'recording.failed': entry('internal', 9, 503, true, 'The record of this operation could not be written, so the operation was not carried out.', 'Tell an administrator: the gateway refuses operations until its journal can be written.'),
  'record.held': entry('conflict', 3, 409, false, 'A legal hold keeps this record: it is neither erased nor does it expire.', 'Run `gw hold ls`; whoever placed the hold decides on its release.'),
  'record.live': entry('conflict', 1, 409, true, 'The session still runs, and its record is being written.', 'End it with `gw sessions kill ID`, then try again.'),
  'record.plain': entry('conflict', 1, 409, false, 'The record was written before journals were encrypted, so one session of it cannot be erased alone.', 'It ends when its journal expires; see docs/retention.md.'),
  'record.elsewhere': entry('conflict', 1, 409, false, 'The journal of this session is on another gateway.', 'Ask the gateway that carried the session.'),
  'record.busy': entry('conflict', 75, 409, true, 'Records are being looked at for what is over already.', 'Try again in a moment.'),
  'record.erased': entry('not-found', 1, 410, false, 'The content of this session was erased or has expired. That it was, when, and who it was is still proved.', 'Run `gw audit search` for who erased it; `gw audit prove` proves what is left.'),
  'hold.unknown': entry('not-found', 1, 404, false, 'There is no such hold.', 'Run `gw hold ls --all`.'),
  'recording.key': entry('internal', 9, 503, true, 'The key that opens the journals could not be used, so nothing can be recorded, or a record cannot be read.', 'Put the key back, or correct `recording.encryption`; docs/retention.md says how keys are kept and changed.'),
  'audit.invalid': entry('integrity', 9, 500, false, 'The audit log does not verify: something in it was changed, is missing, or is not signed by a key that counts.', 'Keep everything as it is, and read which claim failed; docs/audit.md says what each means.'),
  'audit.timestamp': entry('upstream', 75, 503, true, 'A timestamp for the audit log could not be had. Nothing waits for it, and it is asked for again.', 'Check `audit.timestamps` in the configuration, and whether its authority answers.'),
  'audit.unknown': entry('not-found', 1, 404, false, 'The audit log holds no such session or operation.', 'Check the id with `gw sessions ls`; a session is provable when its journal segment is sealed.'),
  'sink.unavailable': entry('upstream', 75, 503, true, 'A sink does not take entries of the audit log, or is behind. They wait in the log, and none is lost.', 'Read what `gw audit sinks` says of it, and look after the receiver; delivery goes on by itself.'),
  'evidence.open': entry('conflict', 75, 409, true, 'The period is not closed yet: what happened in it is still being written, so a pack of it could not be complete.', 'Give an earlier end with `--to`, leave it out for the latest that is possible, or try again later.'),
  'audit.witness': entry('upstream', 8, 502, true, 'A witness could not be reached, or its answer is not one.', 'Check the address of the witness and its key; `docs/audit.md` says what they are.'),
  'evidence.busy': entry('limit', 75, 429, true, 'The gateway is making another evidence pack.', 'Try again when that one is done.'),
  'evidence.invalid': entry('integrity', 9, 500, false, 'The evidence pack does not verify: something in it was changed, added or left out, or is not signed by a key that counts.', 'Keep it as it is and read which claim failed; docs/evidence.md says what each means.'),
  'internal.error': entry('internal', 1, 500, true, 'Something unexpected happened inside gw.', 'Try again with `--debug`, and report it with the request id.'),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;
