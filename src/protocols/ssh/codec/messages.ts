/** The messages above the transport: service and login (RFC 4252, 4256), connection (RFC 4254). Numbers, and those that gw writes itself. */
import { boolean, message, string, uint32 } from './wire.js';

export const MESSAGE = {
  disconnect: 1,
  serviceRequest: 5,
  serviceAccept: 6,
  authRequest: 50,
  authFailure: 51,
  authSuccess: 52,
  authBanner: 53,
  /** PK_OK, PASSWD_CHANGEREQ or INFO_REQUEST, by the method in hand. */
  authMore: 60,
  authInfoResponse: 61,
  globalRequest: 80,
  requestSuccess: 81,
  requestFailure: 82,
  open: 90,
  openConfirmation: 91,
  openFailure: 92,
  windowAdjust: 93,
  data: 94,
  extendedData: 95,
  eof: 96,
  close: 97,
  channelRequest: 98,
  channelSuccess: 99,
  channelFailure: 100,
} as const;

/** RFC 4253 section 11.1. */
export const DISCONNECT = { protocolError: 2, serviceNotAvailable: 7, hostKeyNotVerifiable: 9, byApplication: 11, noMoreAuthMethods: 14 } as const;
/** RFC 4254 section 5.1. */
export const OPEN_REFUSED = { prohibited: 1, connectFailed: 2, unknownType: 3, shortage: 4 } as const;
export const STDERR = 1;

export const banner = (text: string): Buffer => message(MESSAGE.authBanner, string(text), string(''));
export const authFailure = (methods: readonly string[]): Buffer => message(MESSAGE.authFailure, string(methods.join(',')), boolean(false));
export const disconnect = (reason: number, text: string): Buffer => message(MESSAGE.disconnect, uint32(reason), string(text), string(''));
export const openFailure = (recipient: number, reason: number, text: string): Buffer =>
  message(MESSAGE.openFailure, uint32(recipient), uint32(reason), string(text), string(''));
export const windowAdjust = (recipient: number, bytes: number): Buffer => message(MESSAGE.windowAdjust, uint32(recipient), uint32(bytes));
export const data = (recipient: number, bytes: Uint8Array): Buffer => message(MESSAGE.data, uint32(recipient), string(bytes));
/** What comes before so many bytes of data. */
export function dataHead(recipient: number, length: number): Buffer {
  const head = Buffer.allocUnsafe(9);
  head[0] = MESSAGE.data;
  head.writeUInt32BE(recipient, 1);
  head.writeUInt32BE(length, 5);
  return head;
}
export const stderr = (recipient: number, bytes: Uint8Array): Buffer => message(MESSAGE.extendedData, uint32(recipient), uint32(STDERR), string(bytes));
/** EOF, CLOSE, SUCCESS, FAILURE: nothing but the channel. */
export const about = (type: number, recipient: number): Buffer => message(type, uint32(recipient));
export const exitStatus = (recipient: number, status: number): Buffer =>
  message(MESSAGE.channelRequest, uint32(recipient), string('exit-status'), boolean(false), uint32(status));
