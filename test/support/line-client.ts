/** Source of a native client for the line protocol of the fake gateway: an executable that reads its port and secret from the environment. */

/** Says its lines, prints the answers, ends when all came or with code 2 when the server closed early. `--dump` prints argv and environment. */
export const LINE_CLIENT = `#!/usr/bin/env node
const net = require('node:net');
const words = process.argv.slice(2);
if (words.includes('--dump')) { process.stdout.write(JSON.stringify({ argv: words, env: process.env }) + '\\n'); process.exit(0); }
const exit = words.find((word) => word.startsWith('--exit='));
const lines = words.filter((word) => !word.startsWith('--') && !(words.includes('--target') && word === words[words.indexOf('--target') + 1]));
const { GWT_HOST, GWT_PORT, GWT_SECRET } = process.env;
const socket = net.connect(Number(GWT_PORT), GWT_HOST);
socket.setEncoding('utf8');
let text = '';
socket.write(['SECRET ' + GWT_SECRET, ...lines].map((line) => line + '\\n').join(''));
socket.on('data', (chunk) => {
  text += chunk;
  if (text.split('\\n').length - 1 < lines.length + 1) return;
  process.stdout.write(text);
  process.exit(exit === undefined ? 0 : Number(exit.slice(7)));
});
socket.on('close', () => { process.stderr.write('server closed the connection\\n'); process.exit(2); });
socket.on('error', () => undefined);
`;
