/** What a monitor wants to know of the file. Each count reads a partial index and no row. */
import { statSync } from 'node:fs';
import type { Direction, Instant } from '../message.ts';
import { compiled } from './compiled.ts';
import type { Connection, Db } from './open.ts';
import type { Stage } from './schema.ts';
import type { Lane } from './store.ts';
import { walBytes } from './upkeep-disk.ts';

/** The file at one moment. */
export interface Readings {
  lanes: LaneReadings[];
  /** Deliveries that may have arrived and are asked for before they are sent again. */
  inDoubt: Record<Direction, number>;
  /** Patients whose history is being listed, or could not be. */
  sessions: { pending: number; dead: number };
  /** Documents that nobody has taken in again. */
  quarantined: number;
  databaseBytes: number;
  walBytes: number;
  /** Left on the disk for this process. */
  freeDiskBytes: number;
}

interface LaneReadings {
  lane: Lane;
  pending: number;
  dead: number;
  /** When the oldest pending row came into this stage; absent when none is pending. */
  oldestAt?: Instant;
}

const STAGES: Stage[] = ['inbox', 'outbox'];
const DIRECTIONS: Direction[] = ['oh-to-mhv', 'mhv-to-oh'];

export function readings({ db, sqlite }: Connection, freeDiskBytes: number): Readings {
  return {
    lanes: STAGES.flatMap((stage) =>
      DIRECTIONS.map((direction) => laneReadings(db, { stage, direction })),
    ),
    inDoubt: { 'oh-to-mhv': inDoubt(db, 'oh-to-mhv'), 'mhv-to-oh': inDoubt(db, 'mhv-to-oh') },
    sessions: {
      pending: count(db, "sessions INDEXED BY sessions_due WHERE state = 'pending'"),
      dead: count(db, "sessions INDEXED BY sessions_dead WHERE state = 'dead'"),
    },
    quarantined: count(
      db,
      'quarantine INDEXED BY quarantine_waiting WHERE purged_at IS NULL AND replayed_at IS NULL',
    ),
    databaseBytes: statSync(sqlite.name, { throwIfNoEntry: false })?.size ?? 0,
    walBytes: walBytes(sqlite),
    freeDiskBytes,
  };
}

function laneReadings(db: Db, lane: Lane): LaneReadings {
  const { stage, direction } = lane;
  const pending = `${stage} INDEXED BY ${stage}_pending
    WHERE state = 'pending' AND direction = '${direction}'`;
  const dead = `${stage} INDEXED BY ${stage}_dead WHERE state = 'dead' AND direction = '${direction}'`;
  const oldest = compiled<[], { at: Instant | null }>(
    db,
    `SELECT min(accepted_at) AS at FROM ${pending}`,
  ).get()?.at;
  return {
    lane,
    pending: count(db, pending),
    dead: count(db, dead),
    ...(oldest ? { oldestAt: oldest } : {}),
  };
}

function inDoubt(db: Db, direction: Direction): number {
  const isInDoubt = "state = 'pending' AND in_doubt_since IS NOT NULL";
  return count(
    db,
    `outbox INDEXED BY outbox_in_doubt WHERE direction = '${direction}' AND ${isInDoubt}`,
  );
}

/** Each index holds only such rows, and SQLite, which can't know how few they are, is told to take it. */
function count(db: Db, rows: string): number {
  return (
    compiled<[], { rows: number }>(db, `SELECT count(*) AS rows FROM ${rows}`).get()?.rows ?? 0
  );
}
