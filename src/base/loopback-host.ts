/** Which host names can only mean this machine: there plain http has nobody on the way who could listen or change what is said. */

/** 127.0.0.0/8, ::1 (with or without brackets) or the name `localhost`. `0.0.0.0` and `::` are not: they mean every interface. */
export function isLoopbackHost(host: string): boolean {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  return bare === 'localhost' || bare === '::1' || /^127(?:\.\d{1,3}){3}$/.test(bare);
}
