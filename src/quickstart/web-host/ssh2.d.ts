/** The server of ssh2, which the package ships without types. Only what the quickstart uses is declared. */
declare module 'ssh2' {
  import type { Socket } from 'node:net';
  import type { Duplex, Writable } from 'node:stream';

  export interface ParsedKey {
    readonly type: string;
    /** As it is on the wire. */
    getPublicSSH(): Buffer;
    verify(data: Buffer, signature: Buffer, hash?: string): boolean | Error;
  }

  export interface Login {
    readonly method: string;
    readonly username: string;
    readonly key?: { readonly algo: string; readonly data: Buffer };
    /** Left out: the client asks whether the key would do. */
    readonly signature?: Buffer;
    /** What was signed. */
    readonly blob?: Buffer;
    readonly hashAlgo?: string;
    accept(): void;
    reject(methods: readonly string[]): void;
  }

  /** Undefined: the client wants no answer. */
  export type Answer = (() => void) | undefined;

  export interface Channel extends Duplex {
    readonly stderr: Writable;
    exit(status: number): void;
    exit(signal: string, coreDumped: boolean, message: string): void;
    /** What waits for room at the client. The library forgets to clear them. */
    _chunk: unknown;
    _chunkcb: unknown;
    _chunkErr: unknown;
    _chunkcbErr: unknown;
  }

  export interface FileAttributes {
    readonly size?: number | undefined;
    readonly uid?: number | undefined;
    readonly gid?: number | undefined;
    readonly mode?: number | undefined;
    /** Seconds. */
    readonly atime?: number | undefined;
    readonly mtime?: number | undefined;
  }

  export interface FileName {
    readonly filename: string;
    readonly longname: string;
    readonly attrs?: FileAttributes;
  }

  export interface SftpStream {
    readonly outgoing: { readonly id: number; readonly state: string };
    readonly _protocol: { exitStatus(channel: number, status: number): void };
    /** It takes the two paths of SYMLINK for swapped, as OpenSSH sends them. */
    readonly _isOpenSSH: boolean;
    /** Answers that wait for room at the client. */
    readonly _buffer: readonly Buffer[];
    on(event: 'OPEN', listener: (id: number, path: string, flags: number, attributes: FileAttributes) => void): this;
    on(event: 'READ', listener: (id: number, handle: Buffer, offset: number, length: number) => void): this;
    on(event: 'WRITE', listener: (id: number, handle: Buffer, offset: number, data: Buffer) => void): this;
    on(event: 'FSTAT' | 'CLOSE' | 'READDIR', listener: (id: number, handle: Buffer) => void): this;
    on(event: 'FSETSTAT', listener: (id: number, handle: Buffer, attributes: FileAttributes) => void): this;
    on(event: 'OPENDIR' | 'LSTAT' | 'STAT' | 'REMOVE' | 'RMDIR' | 'REALPATH' | 'READLINK', listener: (id: number, path: string) => void): this;
    on(event: 'SETSTAT' | 'MKDIR', listener: (id: number, path: string, attributes: FileAttributes) => void): this;
    on(event: 'RENAME' | 'SYMLINK', listener: (id: number, first: string, second: string) => void): this;
    on(event: 'end' | 'close', listener: () => void): this;
    on(event: 'error', listener: (error: Error) => void): this;
    handle(id: number, handle: Buffer): void;
    status(id: number, code: number, message?: string): void;
    data(id: number, data: Buffer): void;
    name(id: number, names: readonly FileName[]): void;
    attrs(id: number, attributes: FileAttributes): void;
    destroy(): void;
  }

  export interface TerminalRequest {
    readonly term: string;
    readonly cols: number;
    readonly rows: number;
  }

  export interface Session {
    on(event: 'pty', listener: (accept: Answer, reject: Answer, request: TerminalRequest) => void): this;
    on(event: 'window-change', listener: (accept: Answer, reject: Answer, size: { readonly cols: number; readonly rows: number }) => void): this;
    on(event: 'env', listener: (accept: Answer, reject: Answer, variable: { readonly key: string; readonly val: string }) => void): this;
    on(event: 'signal', listener: (accept: Answer, reject: Answer, signal: { readonly name: string }) => void): this;
    on(event: 'shell', listener: (accept: () => Channel | undefined, reject: Answer) => void): this;
    on(event: 'exec', listener: (accept: () => Channel | undefined, reject: Answer, request: { readonly command: string }) => void): this;
    on(event: 'sftp', listener: (accept: () => SftpStream | undefined, reject: Answer) => void): this;
    on(event: 'close', listener: () => void): this;
  }

  export interface Connection {
    on(event: 'authentication', listener: (login: Login) => void): this;
    on(event: 'ready' | 'close', listener: () => void): this;
    on(event: 'error', listener: (error: Error) => void): this;
    on(event: 'session', listener: (accept: () => Session | undefined, reject: () => void) => void): this;
    end(): void;
  }

  export interface Server {
    maxConnections: number;
    on(event: 'connection', listener: (connection: Connection, info: { readonly ip: string; readonly port: number }) => void): this;
    /** Serves a connection that was accepted elsewhere. */
    injectSocket(socket: Socket): void;
  }

  const ssh2: {
    readonly Server: new (options: {
      readonly hostKeys: readonly string[];
      readonly ident: string;
      readonly algorithms: { readonly compress: readonly string[] };
    }) => Server;
    readonly utils: {
      parseKey(key: string): ParsedKey | Error;
      generateKeyPairSync(type: 'ed25519', options: { readonly comment: string }): { readonly private: string; readonly public: string };
      readonly sftp: {
        readonly OPEN_MODE: Readonly<Record<'READ' | 'WRITE' | 'APPEND' | 'CREAT' | 'TRUNC' | 'EXCL', number>>;
        readonly STATUS_CODE: Readonly<Record<'OK' | 'EOF' | 'NO_SUCH_FILE' | 'PERMISSION_DENIED' | 'FAILURE' | 'BAD_MESSAGE' | 'OP_UNSUPPORTED', number>>;
      };
    };
  };
  export default ssh2;
}
