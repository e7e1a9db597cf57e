/** A gateway in front of an SSH target that answers as a test says, message for message. */
import { type RealSshd, startRealSshd } from './real-sshd.js';
import { stubTarget } from './ssh-peers.js';
import { type SshWorld, startSshWorld } from './ssh-world.js';

type Send = (payload: Buffer) => void;

export interface StubSshWorld extends AsyncDisposable {
  readonly sshd: RealSshd;
  readonly world: SshWorld;
  /** All that came to the target. */
  readonly heard: Buffer[];
  /** Sends as the target. */
  target(payload: Buffer): void;
  /** Ends the connection to the target that was used last. */
  cut(): void;
}

export async function startStubSshWorld(talk: (payload: Buffer, send: Send) => void, more: { readonly policy?: string } = {}): Promise<StubSshWorld> {
  const heard: Buffer[] = [];
  let target: Send = () => undefined;
  let cut = (): void => undefined;
  const sshd = await startRealSshd();
  const stub = await stubTarget({
    talk: (payload, send, socket) => {
      target = send;
      cut = () => void socket.destroy();
      heard.push(Buffer.from(payload));
      talk(payload, send);
    },
  });
  const world = await startSshWorld({ sshd: { ...sshd, port: stub.port }, options: { hostKeys: [stub.hostKey] }, ...more });
  return {
    sshd,
    world,
    heard,
    target: (payload) => target(payload),
    cut: () => cut(),
    [Symbol.asyncDispose]: async () => {
      await world[Symbol.asyncDispose]();
      stub.close();
      await sshd[Symbol.asyncDispose]();
    },
  };
}
