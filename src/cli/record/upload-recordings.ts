/** Brings recordings of this machine to the gateway: from where it is, in pieces, at once or days later; what it has as a whole is removed here. */
import { createHash } from 'node:crypto';
import type { GatewayClient } from '../../client/gateway-client.js';
import { CLIENT_RECORDING_PIECE, type ClientRecording } from '../../contract/client-recording.js';
import { GwError } from '../../contract/gw-error.js';
import { readSpool, removeSpooled, type Spooled } from './spool.js';

/** Two uploads of one recording at a time each find the other's pieces: so often the place is asked for again. */
const ATTEMPTS = 5;

type Uploads = Pick<GatewayClient, 'recording' | 'uploadRecording' | 'endRecording'>;

/** The gateway does not take this one (it is another's, erased, too long, or not what it has): others can be uploaded all the same. */
export const isOfOneRecording = ({ code }: GwError): boolean => code.startsWith('recording.');

/** @throws GwError what the gateway said; the recording stays here then */
export async function uploadRecording(spooled: Spooled, client: Uploads): Promise<ClientRecording> {
  const digest = createHash('sha256');
  for await (const piece of readSpool(spooled, 0, CLIENT_RECORDING_PIECE)) digest.update(piece);
  const whole = digest.digest('hex');
  let there = await client.recording(spooled.id);
  for (let attempt = 1; there.state === 'open'; attempt++) {
    try {
      await sendPieces(spooled, there.received, client);
      there = await client.endRecording(spooled.id, spooled.bytes, whole);
    } catch (thrown) {
      if (!(thrown instanceof GwError) || thrown.code !== 'recording.upload' || attempt === ATTEMPTS) throw thrown;
      there = await client.recording(spooled.id);
      if (there.received > spooled.bytes) throw thrown;
    }
  }
  if (there.digest !== whole)
    throw new GwError('recording.upload', `The gateway has another recording under ${spooled.id} than this machine.`, {
      hint: `Tell an auditor of the gateway; \`gw recordings rm ${spooled.id} --force\` removes the one here.`,
    });
  await removeSpooled(spooled);
  return there;
}

async function sendPieces(spooled: Spooled, from: number, client: Uploads): Promise<void> {
  let offset = from;
  for await (const piece of readSpool(spooled, from, CLIENT_RECORDING_PIECE)) offset = await client.uploadRecording(spooled.id, offset, piece);
}
