/**
 * What became of the recordings that clients made of their terminals, session by session: which session had one, whether it was uploaded by the end of the
 * period, how the gateway judged it, and whether the session outlasted it. The gateway's own record is the authority; what is missing or differs is a
 * gap; what could not be compared is told. Made of the log and of the begins of sessions alone, so the same period tells the same. Pure; all of it is untrusted.
 */
import { CLIENT_RECORDING_TOLERANCE_MS } from '../contract/client-recording.js';
import type { Overview } from './sections/section-maker.js';
import { type JudgedRecording, type SurveyedSession, sessionsInOrder } from './survey.js';

export interface TerminalRecording {
  readonly session: SurveyedSession;
  readonly recording: string;
  /** The entry that says how it was judged; null: it was not uploaded as a whole. */
  readonly judged: JudgedRecording | null;
  /** `complete` | `interrupted` | `damaged`, or `missing`. */
  readonly state: string;
  /** In what it is not what the gateway recorded; empty: it does not differ, or is not there. */
  readonly differs: string;
  /** `true`: whole, and shows what the gateway recorded, byte by byte. `not compared`: whole, and names the same sessions; there was no more to compare. */
  readonly agrees: 'true' | 'false' | 'not compared';
  /** It was judged for who had the session. */
  readonly isOwn: boolean;
}

export function terminalRecordings({ survey, scope, starts }: Pick<Overview, 'survey' | 'scope' | 'starts'>): TerminalRecording[] {
  return sessionsInOrder(survey).flatMap((session): TerminalRecording[] => {
    if (scope.session !== null && session.id !== scope.session) return [];
    const recording = session.start?.data['recording'] ?? starts.get(session.id)?.recording;
    if (typeof recording !== 'string') return [];
    const judged = survey.recordings.get(recording) ?? null;
    if (judged === null) return [{ session, recording, judged, state: 'missing', differs: '', agrees: 'false', isOwn: true }];
    const { actorIssuer, actorSubject, state, differs, compared } = judged.leaf.data;
    const told = typeof differs === 'string' && differs !== '' ? [differs] : [];
    const isOwn = session.start === null || (actorIssuer === session.start.data['issuer'] && actorSubject === session.start.data['subject']);
    const all = [...told, ...outlasted(session, judged, scope.to)].join('; ');
    const isSame = typeof compared === 'string' && compared.split(', ').includes(session.id);
    const agrees = state !== 'complete' || all !== '' ? 'false' : isSame ? 'true' : 'not compared';
    return [{ session, recording, judged, state: String(state), differs: all, agrees, isOwn }];
  });
}

/** A session whose process died did not go on: when the next one tells of it says nothing. */
function outlasted({ end }: SurveyedSession, { leaf: { data } }: JudgedRecording, to: number): string[] {
  if (end?.kind === 'session.recovered') return [];
  const until = Date.parse(String(data['createdAt'])) + Number(data['durationMs']);
  const seconds = ((end === null ? to : Date.parse(end.time)) - until) / 1000;
  if (!(seconds * 1000 > CLIENT_RECORDING_TOLERANCE_MS)) return [];
  return [`the session went on for ${end === null ? 'at least ' : ''}${Math.floor(seconds)} s after it ended`];
}
