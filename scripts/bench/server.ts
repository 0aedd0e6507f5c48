/**
 * The exchange's HTTP and store without its pollers, for the `ack` benchmark. Prints its URL; `/cpu`
 * there is the processor time it has taken, in microseconds.
 */
import { openStore } from '../../src/store/sqlite.ts';
import { appOn } from './app.ts';

const [path = '', worksPerCommit = ''] = process.argv.slice(2);
const store = openStore({
  path,
  leaseMs: 60_000,
  maxAttempts: 20,
  maxBacklog: 1_000_000_000,
  minFreeBytes: 1,
  now: Date.now,
  ...(worksPerCommit === '' ? {} : { worksPerCommit: Number(worksPerCommit) }),
});
const app = appOn(store, Date.now);
app.get('/cpu', () => {
  const { user, system } = process.cpuUsage();
  return String(user + system);
});
app.listen({ hostname: '127.0.0.1', port: 0 });
console.log(JSON.stringify({ url: app.server?.url.origin }));
