/**
 * Syslog messages (RFC 5424) under octet counting (RFC 6587 section 3.4.1, RFC 5425 section 4.3). The message is the record's JSON in ASCII: what is
 * not ASCII is escaped, so it needs no byte order mark, which many receivers take for a part of the text. Pure.
 */
import { type EventWeight, eventWeight } from './event-weight.js';
import type { SinkRecord } from './sink-receiver.js';

export interface SyslogHeader {
  /** RFC 5424 section 6.2.1. */
  readonly facility: number;
  readonly appName: string;
  readonly hostName: string;
  readonly version: string;
}

/** RFC 5424 section 6.2.1. */
const SEVERITY: Readonly<Record<EventWeight, number>> = { alert: 1, warning: 4, notice: 5, info: 6 };
/** RFC 5424 section 7.3.1: from 1, and begins anew after this. */
const SEQUENCE_MOST = 2_147_483_647;
const HOST_LENGTH = 255;
const PROCESS_LENGTH = 128;
const ID_LENGTH = 32;

/** @returns `LENGTH MESSAGE`, ready to be sent */
export function syslogFrame({ entry, json }: SinkRecord, { facility, appName, hostName, version }: SyslogHeader): string {
  const priority = facility * 8 + SEVERITY[eventWeight(entry.kind)];
  const header = [
    `<${priority}>1`,
    entry.time,
    printable(hostName, HOST_LENGTH),
    appName,
    printable(entry.log, PROCESS_LENGTH),
    printable(entry.kind, ID_LENGTH),
  ].join(' ');
  const data = `[origin software="gw" swVersion="${parameter(version)}"][meta sequenceId="${(entry.n % SEQUENCE_MOST) + 1}"]`;
  const message = `${header} ${data} ${ascii(json)}`;
  return `${message.length} ${message}`;
}

/** PRINTUSASCII without blanks; `-` for nothing. */
function printable(text: string, most: number): string {
  return text.replaceAll(/[^!-~]/g, '_').slice(0, most) || '-';
}

function parameter(text: string): string {
  return printable(text, 32).replaceAll(/["\\\]]/g, '_');
}

function ascii(json: string): string {
  return json.replaceAll(/[\u0080-\uffff\u007f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
