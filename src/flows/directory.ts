/**
 * Which triage group a pool is: what the directory says, or, where pools may be seen for the first time,
 * what Oracle Health says. A message whose pool is not mapped waits until it is.
 */
import type { OhFhir } from '../oh/fhir.ts';
import type { OhMessaging } from '../oh/messaging.ts';
import { type NewTriageGroup, type TriageGroup, UNMAPPED_POOL } from '../store/directory.ts';
import { cutName, directoryFaults } from '../store/directory-rules.ts';
import type { Store } from '../store/store.ts';
import { type CallContext, UpstreamError } from '../upstream.ts';

export interface DirectoryOptions {
  store: Store;
  messaging: OhMessaging;
  fhir: OhFhir;
  /**
   * `strict`: only what is in the directory goes. `seen`: a pool that is not there is added from what OH
   * and FHIR say of it; such a row yields to them until a person or an import confirms it.
   */
  directory: 'seen' | 'strict';
  /** Stands in where FHIR names no station. */
  defaultStationNumber?: string;
}

/** A pool as a patient sees it. */
export interface MappedPool {
  id: string;
  name: string;
  stationNumber?: string;
}

/** Where a message belongs, for FHIR to name its station. */
type Place = Parameters<OhFhir['stationNumber']>[0];

/** A pool that may have to wait, and how often its message was tried. */
interface Asked {
  poolId: string;
  attempt: number;
}

/**
 * A change of the directory ends these waits, so they bound only how soon a pool that OH itself comes to
 * know is noticed. They grow, for each attempt stays in the file.
 */
const FIRST_WAIT_MS = 10_000;
const LONGEST_WAIT_MS = 600_000;

/** The triage group of a message from OH. Throws UpstreamError `postponed` when it is not mapped. */
export async function groupOfPool(
  options: DirectoryOptions,
  asked: Asked,
  place: Place,
  context: CallContext,
): Promise<MappedPool> {
  const { poolId } = asked;
  const row = await options.store.directory.groupOf(poolId);
  if (row && isFinal(options, row)) return mapped(row);
  if (options.directory === 'strict') throw unmapped(asked);
  const name = (await nameAtOh(options, poolId, context)) ?? row?.name;
  if (name === undefined) throw unmapped(asked, 'Oracle Health does not know it.');
  const stationNumber = (await stationOf(options, place, context)) ?? row?.stationNumber;
  if (stationNumber === undefined) throw unmapped(asked, 'No station of it can be found.');
  const group = { ohPoolId: poolId, name, stationNumber };
  if (directoryFaults([group]).length > 0) {
    throw unmapped(asked, 'What Oracle Health says of its name or its station can not be taken.');
  }
  if (!row) await options.store.directory.see(group);
  return mapped(group);
}

/**
 * The triage group of a clinician who writes under their own name, in no conversation with a pool.
 * ASSUMPTION: they are a group of their own; the message would reach nobody otherwise. `strict` wants it
 * in the directory, under the id of the person.
 */
export async function groupOfClinician(
  options: DirectoryOptions,
  { name, ...asked }: Asked & { name: string | undefined },
  place: Place,
  context: CallContext,
): Promise<MappedPool | undefined> {
  const row = await options.store.directory.groupOf(asked.poolId);
  if (row && isFinal(options, row)) return mapped(row);
  if (options.directory === 'strict') throw unmapped(asked, 'It is the id of a clinician.');
  if (name === undefined) return undefined;
  const stationNumber = await stationOf(options, place, context);
  return { id: asked.poolId, name, ...(stationNumber ? { stationNumber } : {}) };
}

/**
 * Whether patients may write to a pool; false when OH denies it. Throws UpstreamError `postponed` when
 * the pool is not mapped, or OH does not know it.
 */
export async function mayReceive(
  options: DirectoryOptions,
  { ohPatientId, ...asked }: Asked & { ohPatientId: string },
  context: CallContext,
): Promise<boolean> {
  const { poolId } = asked;
  const row = await options.store.directory.groupOf(poolId);
  if (!row && options.directory === 'strict') throw unmapped(asked);
  const access = await accessAtOh(options, poolId, context);
  if (access === 'unknown') throw row ? missing(asked) : unmapped(asked, UNKNOWN_TO_OH);
  if (access === 'granted' && !row) await rememberIfPossible(options, poolId, ohPatientId, context);
  return access === 'granted';
}

const UNKNOWN_TO_OH = 'Oracle Health does not know it, and must before anything can be sent there.';

function isFinal({ directory }: DirectoryOptions, { source }: TriageGroup): boolean {
  return directory === 'strict' || source !== 'seen';
}

function mapped({ ohPoolId, name, stationNumber }: NewTriageGroup): MappedPool {
  return { id: ohPoolId, name, stationNumber };
}

async function stationOf(
  { fhir, defaultStationNumber }: DirectoryOptions,
  place: Place,
  context: CallContext,
): Promise<string | undefined> {
  return (await fhir.stationNumber(place, context)) ?? defaultStationNumber;
}

/** The name of a pool, cut to what a patient is shown; undefined when OH does not know the pool. */
async function nameAtOh(
  { messaging }: DirectoryOptions,
  poolId: string,
  context: CallContext,
): Promise<string | undefined> {
  try {
    const [pool] = await messaging.getPools([poolId], context);
    return pool && cutName(pool.name);
  } catch (error) {
    if (error instanceof UpstreamError && error.outcome.code === 'oh:pool-unknown')
      return undefined;
    throw error;
  }
}

/** OH denies unknown pools too, so a denial is looked into. */
async function accessAtOh(
  options: DirectoryOptions,
  poolId: string,
  context: CallContext,
): Promise<'granted' | 'denied' | 'unknown'> {
  try {
    const access = await options.messaging.poolAccess([poolId], context);
    if (access.get(poolId) === true) return 'granted';
  } catch (error) {
    if (!(error instanceof UpstreamError) || error.outcome.code !== 'oh:pool-unknown') throw error;
  }
  return (await nameAtOh(options, poolId, context)) === undefined ? 'unknown' : 'denied';
}

/** A message to OH needs neither name nor station, so it does not stay behind for want of them. */
async function rememberIfPossible(
  options: DirectoryOptions,
  poolId: string,
  patientId: string,
  context: CallContext,
): Promise<void> {
  try {
    const stationNumber = await stationOf(options, { patientId }, context);
    const name = stationNumber && (await nameAtOh(options, poolId, context));
    if (!name || !stationNumber) return;
    const group = { ohPoolId: poolId, name, stationNumber };
    if (directoryFaults([group]).length === 0) await options.store.directory.see(group);
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
  }
}

function unmapped({ poolId, attempt }: Asked, why = ''): UpstreamError {
  const what = `Pool ${poolId} is not in the directory: add it with \`bun run directory import\`.`;
  return waits(attempt, `${what} ${why}`.trim());
}

function missing({ poolId, attempt }: Asked): UpstreamError {
  const what = `Pool ${poolId} is in the directory, but Oracle Health does not know it`;
  return waits(attempt, `${what}: correct the directory, or have the pool made there.`);
}

function waits(attempt: number, reason: string): UpstreamError {
  const retryAfterMs = Math.min(FIRST_WAIT_MS * 2 ** (attempt - 1), LONGEST_WAIT_MS);
  return new UpstreamError({ kind: 'postponed', code: UNMAPPED_POOL, reason, retryAfterMs });
}
