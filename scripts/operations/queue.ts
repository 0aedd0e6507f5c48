/** What waits, for what, and for how long. */
import type { LocalConfig } from '../../src/config.ts';
import type { Examination, LaneFacts } from '../../src/store/examine.ts';
import { finding } from './file.ts';
import { counted, type Finding, lasting } from './finding.ts';

/** A message that is not there after this long is not just on its way. */
const OLD_MS = 15 * 60_000;
const VERY_OLD_MS = 24 * 3_600_000;
const SHARE_OF_BACKLOG = 0.5;

const SHOW_STUCK = 'sqlite3 FILE "SELECT * FROM stuck LIMIT 20"';

/** The backlog as a whole, each lane, and what waits for a person. */
export async function queueFindings(
  file: Examination,
  config: LocalConfig,
  now: number,
): Promise<Finding[]> {
  const lanes = await file.lanes();
  const dead = lanes.reduce((sum, lane) => sum + lane.dead, 0);
  return [
    backlogFinding(lanes, config.MAX_BACKLOG),
    ...lanes.map((lane) => laneFinding(lane, now)),
    ...(await stuckFindings(file, now)),
    dead === 0
      ? finding('dead', 'ok', 'none')
      : finding(
          'dead',
          'look',
          `${counted(dead, 'message')} given up, each waiting for a person`,
          'GET /messages?status=FAILED and status=INVALID; then POST /replay, or dismiss',
        ),
  ];
}

function backlogFinding(lanes: LaneFacts[], maxBacklog: number): Finding {
  const pending = lanes.reduce((sum, lane) => sum + lane.pending, 0);
  const found = `${pending} of ${maxBacklog} rows wait`;
  if (pending >= maxBacklog) {
    return finding('backlog', 'bad', `${found}: nothing more is accepted`, SHOW_STUCK);
  }
  return pending >= maxBacklog * SHARE_OF_BACKLOG
    ? finding('backlog', 'look', found, SHOW_STUCK)
    : finding('backlog', 'ok', found);
}

function laneFinding(lane: LaneFacts, now: number): Finding {
  const name = `${lane.direction} ${lane.stage}`;
  if (lane.pending === 0 || lane.oldestAt === undefined) return finding(name, 'ok', 'empty');
  const age = now - lane.oldestAt;
  const parts = [
    `${lane.pending} waiting, the oldest for ${lasting(Math.max(age, 0))}`,
    ...(lane.blocked > 0 ? [`${lane.blocked} behind another of their patient`] : []),
    ...(lane.held > 0 ? [`${lane.held} of these until a history is listed`] : []),
    ...(lane.inDoubt > 0 ? [`${lane.inDoubt} in doubt, asked for before they are sent again`] : []),
  ];
  const found = parts.join('; ');
  if (age < OLD_MS) return finding(name, 'ok', found);
  return finding(name, age < VERY_OLD_MS ? 'look' : 'bad', found, SHOW_STUCK);
}

async function stuckFindings(file: Examination, now: number): Promise<Finding[]> {
  const [worst, ...others] = await file.stuckHeads(now - OLD_MS);
  if (!worst) return [finding('stuck', 'ok', `no message has failed for ${lasting(OLD_MS)}`)];
  return [worst, ...others.slice(0, 4)].map((head) => {
    const { stage, direction, errorCode, messages, behind, oldestAt, oldestId } = head;
    const found =
      `${direction} ${stage}: ${counted(messages, 'message')} failing with ${errorCode}, ` +
      `the oldest for ${lasting(now - oldestAt)}; ${behind} behind`;
    const why = `sqlite3 FILE "SELECT * FROM timeline WHERE message_id = '${oldestId}'"`;
    return finding('stuck', 'look', found, why);
  });
}

/** Destinations that somebody has paused. */
export async function pausesFinding(file: Examination, now: number): Promise<Finding> {
  const pauses = await file.pauses();
  if (pauses.length === 0) return finding('pauses', 'ok', 'none');
  const found = pauses
    .map(({ destination, actor, pausedAt }) => {
      return `${destination} paused by ${actor} ${lasting(now - pausedAt)} ago`;
    })
    .join('; ');
  const next = 'POST /destinations/{destination}/resume once the reason is gone';
  return finding('pauses', 'look', found, next);
}

export async function quarantineFinding(file: Examination, now: number): Promise<Finding> {
  const { documents, newestAt = now } = await file.quarantine();
  if (documents === 0) return finding('quarantine', 'ok', 'empty');
  const found = `${counted(documents, 'document')}, the newest of ${lasting(now - newestAt)} ago`;
  return finding('quarantine', 'look', found, 'GET /quarantine; correct and replay what is of use');
}

export async function sessionsFinding(file: Examination): Promise<Finding> {
  const { failed, failing } = await file.sessions();
  if (failed.length === 0 && failing === 0) return finding('histories', 'ok', 'none fails');
  const parts = [
    ...failed.map(({ errorCode, sessions }) => `${sessions} given up (${errorCode})`),
    ...(failing > 0 ? [`${failing} tried again and again`] : []),
  ];
  const next = 'correct the cause; POST /sessions for the patient starts anew';
  return finding('histories', 'look', parts.join('; '), next);
}

export async function directoryFinding(file: Examination): Promise<Finding> {
  const { pools, waiting, reasons, faulty } = await file.directory();
  const parts = [
    counted(pools, 'pool'),
    ...(waiting > 0 ? [`${counted(waiting, 'message')} waiting: ${reasons.join(' ')}`] : []),
    ...faulty.map(({ ohPoolId, fields }) => `pool ${ohPoolId}: wrong ${fields.join(', ')}`),
  ];
  const found = parts.join('; ');
  if (parts.length === 1) return finding('directory', 'ok', found);
  return finding('directory', 'look', found, 'bun run directory export, correct it, import it');
}

/** The file's clock and ours: rows of later than now were written under another. */
export async function clockFinding(file: Examination, now: number): Promise<Finding> {
  const { fromTheFuture, newestAt } = await file.clock(now);
  if (fromTheFuture > 0 && newestAt !== undefined) {
    const found = `${counted(fromTheFuture, 'message')} accepted up to ${lasting(newestAt - now)} from now`;
    return finding(
      'clock',
      'bad',
      `${found}: a clock is or was wrong`,
      'timedatectl; chronyc tracking',
    );
  }
  const newest = newestAt === undefined ? 'nothing' : `the newest ${lasting(now - newestAt)} ago`;
  return finding('clock', 'ok', `no message from the future; accepted ${newest}`);
}
