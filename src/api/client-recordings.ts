/**
 * /api/v1/recordings: recordings that the CLI makes of the terminal. A client begins one, opens sessions under its id, and uploads it in pieces, at
 * once or days later. People see and upload their own; auditors see and play all of them. What is uploaded is untrusted.
 */
import { z } from 'zod';
import type { ClientRecordingBegun, ClientRecordingList, ClientRecordingReceived } from '../contract/api-types.js';
import { CLIENT_RECORDING_LIMIT, CLIENT_RECORDING_PIECE, type ClientRecording } from '../contract/client-recording.js';
import { GwError } from '../contract/gw-error.js';
import type { ApiRoute } from './api-route.js';
import type { ApiServices } from './api-services.js';
import { ApiStream } from './api-stream.js';
import { type Caller, isOwner, requireRole } from './caller.js';
import { validate } from './validate.js';

/** A piece in base64, and what stands around it. */
const PIECE_BODY = Math.ceil((CLIENT_RECORDING_PIECE * 4) / 3) + 1024;

/** Differences that an entry of the log names: it has a bound, and a client can make as many as it likes. */
const DIFFERENCES_TOLD = 10;

/** What no name of a target has, is not put into the log. */
const TARGET_NAME = /^[\x21-\x7e]{1,128}$/;

const params = z.strictObject({ id: z.string().max(60) });
const beginBody = z.strictObject({ targets: z.array(z.string().regex(TARGET_NAME, 'must be the name of a target')).min(1).max(50) });
const pieceBody = z.strictObject({
  offset: z.int().min(0).max(CLIENT_RECORDING_LIMIT),
  bytes: z.base64().min(1),
});
const endBody = z.strictObject({ bytes: z.int().min(0).max(CLIENT_RECORDING_LIMIT), digest: z.string().regex(/^[0-9a-f]{64}$/) });
const listQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
  mine: z.enum(['true', 'false']).default('false'),
});

export function clientRecordingRoutes(services: ApiServices): ApiRoute[] {
  return [begin(services), list(services), detail(services), piece(services), end(services), cast(services)];
}

async function ownRecording(id: string, caller: Caller, services: ApiServices): Promise<ClientRecording> {
  const recording = await services.clientRecordings.find(id);
  if (recording === null || !isOwner(caller, recording)) throw new GwError('recording.unknown', 'You have no such recording at this gateway.');
  return recording;
}

function begin(services: ApiServices): ApiRoute {
  return {
    method: 'POST',
    url: '/api/v1/recordings',
    audit: 'client_recording.begin',
    handle: async ({ caller, body, audit }) => {
      const { targets } = validate(beginBody, body, 'body');
      const names = [...new Set(targets)];
      await services.clientRecordings.requireRoom(caller.identity);
      const id = services.clientRecordings.newId();
      await audit('client_recording.begin', { recording: id, targets: names.join(', ') });
      const key = await services.clientRecordings.begin(id, caller.identity, names);
      return { id, key: key.toString('base64') } satisfies ClientRecordingBegun;
    },
  };
}

function list(services: ApiServices): ApiRoute {
  return {
    method: 'GET',
    url: '/api/v1/recordings',
    audit: null,
    handle: async ({ caller, query, audit }) => {
      const { limit, mine } = validate(listQuery, query, 'query');
      const everybody = caller.roles.length > 0 && mine === 'false';
      if (everybody) await audit('log.read', { what: 'client recordings' });
      const { issuer, subject } = caller.identity;
      const recordings = await services.clientRecordings.list(everybody ? { limit } : { issuer, subject, limit });
      return { recordings } satisfies ClientRecordingList;
    },
  };
}

function detail(services: ApiServices): ApiRoute {
  return {
    method: 'GET',
    url: '/api/v1/recordings/:id',
    audit: null,
    handle: ({ caller, params: raw }) => ownRecording(validate(params, raw, 'path').id, caller, services),
  };
}

function piece(services: ApiServices): ApiRoute {
  return {
    method: 'POST',
    url: '/api/v1/recordings/:id/pieces',
    audit: 'client_recording.upload',
    bodyLimit: PIECE_BODY,
    handle: async ({ caller, params: raw, body, audit }) => {
      const recording = await ownRecording(validate(params, raw, 'path').id, caller, services);
      const { offset, bytes: text } = validate(pieceBody, body, 'body');
      const bytes = Buffer.from(text, 'base64');
      if (bytes.length > CLIENT_RECORDING_PIECE) throw new GwError('recording.upload', `A piece has at most ${CLIENT_RECORDING_PIECE} bytes.`);
      await audit('client_recording.upload', { recording: recording.id, offset, bytes: bytes.length });
      return { received: await services.clientRecordings.append(recording, offset, bytes) } satisfies ClientRecordingReceived;
    },
  };
}

function end(services: ApiServices): ApiRoute {
  return {
    method: 'POST',
    url: '/api/v1/recordings/:id/end',
    audit: 'client_recording.end',
    handle: async ({ caller, params: raw, body, audit }) => {
      const recording = await ownRecording(validate(params, raw, 'path').id, caller, services);
      const { bytes, digest } = validate(endBody, body, 'body');
      await audit('client_recording.end', { recording: recording.id, bytes, digest });
      return services.clientRecordings.end(recording, bytes, digest, ({ problems, compared, uncompared: _uncompared, ...judged }) =>
        audit('client_recording.judge', {
          recording: recording.id,
          createdAt: recording.createdAt,
          ...judged,
          differences: problems.length,
          differs: problems.slice(0, DIFFERENCES_TOLD).join('; '),
          compared: compared.join(', '),
        }),
      );
    },
  };
}

function cast(services: ApiServices): ApiRoute {
  return {
    method: 'GET',
    url: '/api/v1/recordings/:id/cast',
    audit: null,
    handle: async ({ caller, params: raw, audit }) => {
      const { id } = validate(params, raw, 'path');
      const recording = await services.clientRecordings.find(id);
      if (recording === null) throw new GwError('recording.unknown', 'There is no such recording at this gateway.');
      if (!isOwner(caller, recording)) requireRole(caller, 'auditor');
      const pieces = await services.clientRecordings.cast(recording);
      await audit('log.read', { what: `client recording ${recording.id}`, sessionIssuer: recording.issuer, sessionSubject: recording.subject });
      return new ApiStream('application/x-asciicast', pieces);
    },
  };
}
