/** Logs to a disk that is full, then to the file `argv[2]` in its place: the file gets the number that the full disk had. */
import { closeSync, openSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServiceLogger } from '../../src/gateway/service-logger.js';

const [file = ''] = process.argv.slice(2);
const fd = openSync('/dev/full', 'w');
const logger = createServiceLogger({ process: 'worker' }, 'info', fd);
logger.info({}, 'in the background');
for (let turn = 0; turn < 50; turn++) await stat(file);
logger.info({}, 'at once');
logger.flush();
for (let turn = 0; turn < 50; turn++) await stat(file);
closeSync(fd);
if (openSync(file, 'w') !== fd) throw new TypeError('the file did not get the number');
logger.info({}, 'there is room again');
logger.flush();
