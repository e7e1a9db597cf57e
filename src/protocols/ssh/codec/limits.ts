/** What is taken from a peer at most. A peer that wants more is refused before memory is taken (D6). Bytes unless said otherwise. */

/** A packet with its length and tag before a login; RFC 4253 section 6.1 demands so many. */
export const SHORT_PACKET = 35_000;
/** A text in a message that is no command. */
export const MESSAGE_BYTES = 35_000;
/** A packet after a login, and so a command, as OpenSSH has it: 256 KiB beside its length and tag (32 bytes at most, or with SHA-512 64). */
export const COMMAND_BYTES = 256 * 1024;
export const LONG_PACKET = COMMAND_BYTES + 4 + 64;
/** Data in one channel message. */
export const CHANNEL_PACKET = 32_768;
/** Longest data message that a client may ask for at least: each costs a packet, so shorter ones cost more than what is in them. */
export const LEAST_PACKET = 256;
/** Names of users, services, methods, algorithms, channel and request types. */
export const NAME_BYTES = 256;
/** A public key or certificate as offered. */
export const KEY_BYTES = 16_384;
/** A password or token. */
export const SECRET_BYTES = 20_000;
/** Attempts to log in on one connection. */
export const LOGIN_ATTEMPTS = 20;
/** All that comes before a login is claimed: every attempt with the longest message, and as much again for keys. */
export const LOGIN_BYTES = 2 * LOGIN_ATTEMPTS * SHORT_PACKET;
/** Channels of one connection that are open at a time. */
export const CHANNELS = 256;
/** Replies to requests that are owed at a time, of one channel or of the whole connection. */
export const REPLIES = 10_000;
/** Messages of one channel that wait for a verdict. */
export const WAITING_BYTES = 4 << 20;
/** Those of all channels of one connection. */
export const WAITING_BYTES_TOGETHER = 8 * WAITING_BYTES;
/** What a message that waits takes beside its bytes. */
export const MESSAGE_COST = 128;
/** One SFTP request other than a write, and one answer that is not data or a list. */
export const SFTP_REQUEST = 34_000;
/** A handle of SFTP (draft-ietf-secsh-filexfer-02 section 6.2). */
export const SFTP_HANDLE = 256;
/** Any SFTP packet, as OpenSSH has it. */
export const SFTP_PACKET = 256 * 1024 + 1024;
/** Handles and requests of one SFTP stream that are open at a time. */
export const SFTP_OPEN = 4_096;
