/** What the small server of web-1 is told by who starts it, in a file that only its account reads. */
export interface HostSettings {
  readonly host: string;
  readonly port: number;
  /** The one account that is let in, which is the one that the server runs as. */
  readonly username: string;
  readonly shell: string;
  readonly home: string;
  /** File with the private host key, in OpenSSH's format. */
  readonly hostKeyFile: string;
  /** `TYPE BASE64` of the one key that is let in. */
  readonly authorizedKey: string;
}
