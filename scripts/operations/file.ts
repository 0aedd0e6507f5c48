/** The file as a file: whole, of this version, with room, and who has it. */
import type { LocalConfig } from '../../src/config.ts';
import { type Examination, QUICK_CHECK_MAX_BYTES } from '../../src/store/examine.ts';
import { counted, type Finding, lasting, mebibytes } from './finding.ts';
import { processesWith } from './processes.ts';

type Look = (name: string, level: Finding['level'], found: string, next?: string) => Finding;

/** A finding, with or without something to do. */
export const finding: Look = (name, level, found, next) => ({
  name,
  level,
  found,
  ...(next === undefined ? {} : { next }),
});

export async function fileFinding(file: Examination): Promise<Finding> {
  const { bytes, pageSize, pages, freePages, autoVacuum, journalMode } = await file.file();
  const free = pages === 0 ? 0 : Math.round((freePages / pages) * 100);
  const size = `${mebibytes(bytes)}, pages of ${pageSize} bytes, ${free} % of them free`;
  if (journalMode !== 'wal') {
    const found = `${size}; journal mode ${journalMode}, and the exchange sets wal`;
    return finding(
      'database',
      'look',
      found,
      'was it opened by another program? Start the exchange',
    );
  }
  if (autoVacuum !== 'incremental') {
    const found = `${size}; auto_vacuum is ${autoVacuum}: the file never gets smaller`;
    return finding('database', 'look', found, 'stop the exchange, then backup and restore');
  }
  return finding('database', 'ok', size);
}

export async function integrityFinding(file: Examination, isFull: boolean): Promise<Finding> {
  const { bytes } = await file.file();
  if (!isFull && bytes > QUICK_CHECK_MAX_BYTES) {
    return finding('integrity', 'look', 'not checked: the file is large', 'doctor --full');
  }
  const damage = await file.damage(isFull);
  if (damage.length === 0) {
    return finding('integrity', 'ok', isFull ? 'whole, indexes too' : 'whole (quick_check)');
  }
  const found = `damaged: ${counted(damage.length, 'complaint')} of SQLite, such as ${damage[0]}`;
  return finding('integrity', 'bad', found, 'stop the exchange, keep the file, restore the backup');
}

export async function versionFinding(file: Examination): Promise<Finding> {
  const { applied, known, isOurs } = await file.version();
  if (applied === 0) {
    return finding('version', 'bad', 'no file of an exchange', 'check DATABASE_PATH');
  }
  if (!isOurs) {
    const found = `its tables are of another version: ${applied} migrations, this program has ${known}`;
    return finding('version', 'bad', found, 'run the version that wrote it, or a newer one');
  }
  if (applied < known) {
    const found = `${counted(known - applied, 'migration')} behind this program`;
    return finding('version', 'look', found, 'the next start applies them');
  }
  return finding('version', 'ok', `${counted(applied, 'migration')}, as this program has`);
}

export async function walFinding(file: Examination, path: string): Promise<Finding> {
  const { bytes, maxBytes } = await file.wal();
  const others = processesWith(path);
  const named = others?.map(({ pid, program }) => `${program} ${pid}`).join(', ');
  const holders = named === undefined ? '' : `; open in ${named || 'no process that we may see'}`;
  const found = `${mebibytes(bytes)} of ${mebibytes(maxBytes)}${holders}`;
  if (bytes <= maxBytes) return finding('write-ahead log', 'ok', found);
  const next =
    'end what reads for long (a backup, sqlite3); then it is cut down within five minutes';
  return finding('write-ahead log', 'look', `${found}: somebody keeps it from starting over`, next);
}

export async function pollerFinding(file: Examination, now: number): Promise<Finding> {
  const name = 'poller';
  const holder = await file.poller(now);
  const start = 'start the exchange: systemctl start exchange, or bun run start';
  if (!holder) return finding(name, 'bad', 'nobody polls the file: nothing is delivered', start);
  const { owner, heartbeatAt, state } = holder;
  const age = now - heartbeatAt;
  if (age < -1000) {
    const found = `${owner}; its heartbeat is ${lasting(-age)} in the future: a clock was set back`;
    return finding(name, 'look', found, 'check the clock: timedatectl');
  }
  const heard = `${owner}, heard of ${lasting(age)} ago`;
  if (state === 'alive') return finding(name, 'ok', heard);
  const found = `${heard}${state === 'dead' ? ', is dead' : ''}: nothing is delivered`;
  return finding(name, 'bad', found, start);
}

export async function diskFinding(file: Examination, config: LocalConfig): Promise<Finding> {
  const free = await file.freeDiskBytes();
  const least = config.MIN_FREE_DISK_MB * 1024 ** 2;
  const found = `${mebibytes(free)} free; below ${mebibytes(least)} nothing is accepted`;
  const next = 'make room, or enlarge the disk';
  if (free < least) return finding('disk', 'bad', `${found}, as now`, next);
  return free < 2 * least ? finding('disk', 'look', found, next) : finding('disk', 'ok', found);
}
