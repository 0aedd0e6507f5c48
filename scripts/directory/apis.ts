/** What the APIs of both sides say of pools, and where the directory does not agree with them. */
import type { createClients } from '../../src/clients.ts';
import type { MhvTriageTeam } from '../../src/mhv/teams.ts';
import type { NewTriageGroup, TriageGroup } from '../../src/store/directory.ts';
import { cutName, directoryFaults } from '../../src/store/directory-rules.ts';
import { type CallContext, UpstreamError } from '../../src/upstream.ts';

type Clients = ReturnType<typeof createClients>;

/** What is asked of the APIs, and on whose behalf. */
export interface Asked {
  clients: Clients;
  /** An MHV user whose teams are looked at; MHV shows teams only to its users. */
  mhvCorrelationId: string | undefined;
}

/** Pools that can be added, and a sentence for each that can't. */
export interface Found {
  oh: NewTriageGroup[];
  mhv: NewTriageGroup[];
  left: string[];
}

interface Facts {
  pools: { id: string; name: string; isOpen: boolean }[];
  teams: MhvTriageTeam[];
}

const IDS_PER_CALL = 50;
const TIMEOUT_MS = 60_000;

/**
 * Pools that OH lets patients write to and that the directory lacks, or has only seen. A team of MHV of
 * the same name gives the station and its id; without one the station is `defaultStationNumber`.
 */
export async function findGroups(
  asked: Asked,
  rows: TriageGroup[],
  defaultStationNumber: string | undefined,
): Promise<Found> {
  const { pools, teams } = await factsOf(asked);
  const confirmed = new Set(rows.filter(({ source }) => source !== 'seen').map(poolOf));
  const found: Found = { oh: [], mhv: [], left: [] };
  for (const { id, name } of pools.filter((pool) => pool.isOpen && !confirmed.has(pool.id))) {
    const team = teamNamed(teams, name);
    const stationNumber =
      team?.stationNumber ??
      rows.find(({ ohPoolId }) => ohPoolId === id)?.stationNumber ??
      defaultStationNumber;
    const group = {
      ohPoolId: id,
      name: cutName(team?.name ?? name),
      stationNumber: stationNumber ?? '',
      ...(team ? { mhvTriageTeamId: team.id } : {}),
    };
    if (stationNumber === undefined) found.left.push(`pool ${id}: nothing names its station`);
    else if (directoryFaults([group]).length > 0) found.left.push(`pool ${id}: ${faultsOf(group)}`);
    else found[team ? 'mhv' : 'oh'].push(group);
  }
  return found;
}

/** Every disagreement as a sentence; none when all is well. */
export async function complaintsOf(asked: Asked, rows: TriageGroup[]): Promise<string[]> {
  const { pools, teams } = await factsOf(asked);
  const inDirectory = new Set(rows.map(poolOf));
  const complaints = pools
    .filter(({ id, isOpen }) => isOpen && !inDirectory.has(id))
    .map(({ id, name }) => `pool ${id}: OH has it, the directory lacks it (${cutName(name)})`);
  for (const id of inDirectory) {
    const pool = pools.find((one) => one.id === id) ?? (await otherOf(asked.clients, id));
    if (!pool) complaints.push(`pool ${id}: OH does not know it`);
    else if (!pool.isOpen) complaints.push(`pool ${id}: OH does not let patients write to it`);
  }
  for (const row of rows) {
    const faults = faultsOf({ ...row, preferred: true });
    if (faults !== '') complaints.push(`pool ${row.ohPoolId}: ${faults}`);
  }
  for (const { id, name } of teams.filter(({ isBlocked }) => !isBlocked)) {
    const isKnown = rows.some((row) => row.mhvTriageTeamId === id || isSameName(row.name, name));
    if (!isKnown) complaints.push(`MHV triage team ${id}: no row has it (${cutName(name)})`);
  }
  return complaints;
}

async function factsOf({ clients, mhvCorrelationId }: Asked): Promise<Facts> {
  const context: CallContext = {
    signal: AbortSignal.timeout(TIMEOUT_MS),
    correlationId: Bun.randomUUIDv7(),
  };
  const { messaging, mhvSessionOf } = clients;
  const named = await messaging.findPools('', context);
  const access = new Map<string, boolean>();
  for (let at = 0; at < named.length; at += IDS_PER_CALL) {
    const ids = named.slice(at, at + IDS_PER_CALL).map(({ id }) => id);
    for (const [id, isOpen] of await messaging.poolAccess(ids, context)) access.set(id, isOpen);
  }
  const teams = mhvCorrelationId ? await mhvSessionOf(mhvCorrelationId).teams(context) : [];
  return {
    pools: named.map((pool) => ({ ...pool, isOpen: access.get(pool.id) ?? false })),
    teams: teams.filter(({ isOhTeam }) => isOhTeam),
  };
}

/** A pool that OH's list hides behind another of its name, or a clinician who is a group of their own. */
async function otherOf(
  { messaging }: Clients,
  id: string,
): Promise<{ isOpen: boolean } | undefined> {
  const context = { signal: AbortSignal.timeout(TIMEOUT_MS), correlationId: Bun.randomUUIDv7() };
  const isPool = (await unlessUnknown(messaging.getPools([id], context)))?.length;
  const asked = isPool
    ? messaging.poolAccess([id], context)
    : messaging.personnelAccess([id], context);
  const isOpen = (await unlessUnknown(asked))?.get(id);
  return isOpen === undefined ? undefined : { isOpen };
}

async function unlessUnknown<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof UpstreamError && error.outcome.httpStatus === 404) return undefined;
    throw error;
  }
}

function poolOf({ ohPoolId }: TriageGroup): string {
  return ohPoolId;
}

function teamNamed(teams: MhvTriageTeam[], name: string): MhvTriageTeam | undefined {
  return teams.find((team) => isSameName(team.name, name));
}

function isSameName(one: string, other: string): boolean {
  return cutName(one).toLowerCase() === cutName(other).toLowerCase();
}

function faultsOf(group: NewTriageGroup): string {
  return directoryFaults([group])
    .map(({ field, detail }) => `${field} ${detail}`)
    .join('; ');
}
