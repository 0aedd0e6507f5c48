/**
 * Flow 1: a message announced by the feed (or listed as history) reaches MHV.
 * Entry -> the message and its facts from Oracle Health -> MHV's shape -> MHV.
 */
import type {
  DeliveredIds,
  Entry,
  Instant,
  OhMessage,
  OhParty,
  Outcome,
  ToMhv,
} from '../message.ts';
import type { MhvClient } from '../mhv/client.ts';
import type { OhMedia } from '../oh/media.ts';
import type { DeliveryContext, Duplicate, Translation } from '../queue/attempt.ts';
import type { Flow } from '../queue/engine.ts';
import type { Claimed, Link } from '../store/store.ts';
import { type MhvFacts, toMhv } from '../translate/to-mhv.ts';
import { type CallContext, UpstreamError } from '../upstream.ts';
import { withFilesAtMhv } from './attachments.ts';
import { conversationOf, poolOf } from './conversation.ts';
import {
  type DirectoryOptions,
  groupOfClinician,
  groupOfPool,
  type MappedPool,
} from './directory.ts';

export interface OhToMhvOptions extends DirectoryOptions {
  media: OhMedia;
  mhv: MhvClient;
  /** Stands in for a message that names no pool anywhere, such as an out-of-office reply. */
  defaultPoolId?: string;
  now: () => Instant;
}

/** Makes the two stages of the flow. */
export function ohToMhv(options: OhToMhvOptions): Flow {
  return {
    translate: (claimed, context) => translate(options, claimed, context),
    deliver: (claimed, context) => deliver(options, claimed, context),
  };
}

async function translate(
  options: OhToMhvOptions,
  claimed: Claimed,
  context: CallContext,
): Promise<Translation> {
  const entry = claimed.payload as Entry;
  const known = await options.store.linkOf(entry.ohMessageId);
  if (known && isCarried(known)) return duplicate(known);
  const facts = await gather(options, { entry, attempt: claimed.attempt }, context);
  const { patientId } = facts.message;
  if (patientId !== entry.ohPatientId) {
    const detail = `OH patient ${entry.ohPatientId} was combined into ${patientId}`;
    await options.store.note(claimed, { at: options.now(), event: 'combined', detail });
  }
  return toMhv(facts);
}

async function deliver(
  options: OhToMhvOptions,
  claimed: Claimed,
  context: DeliveryContext,
): Promise<Outcome> {
  const message = claimed.payload as ToMhv;
  const isInDoubt = claimed.inDoubtSince !== undefined;
  if (isInDoubt) context.note('asked');
  // Asked before every insert, not only in doubt: MHV may have the message from somewhere else.
  const found = await options.mhv.findByOhMessageId(message.ohMessageId, context);
  if (isInDoubt) context.note(found ? 'found' : 'not there');
  if (found) return delivered({ ohMessageId: message.ohMessageId, ...found }, true);
  const inserted = await withFilesAtMhv(
    options,
    claimed,
    message.attachments,
    context,
    (attachments) => options.mhv.insert(message, attachments, context),
  );
  return delivered({ ohMessageId: message.ohMessageId, ...inserted }, false);
}

/** MHV has it, or it is a message that the exchange itself once sent to OH. */
function isCarried(link: Link): boolean {
  return link.mhvMessageId !== undefined || link.direction === 'mhv-to-oh';
}

function duplicate({ ohMessageId, mhvMessageId, mhvThreadId }: Link): Duplicate {
  return {
    kind: 'duplicate',
    ids: {
      ohMessageId,
      ...(mhvMessageId ? { mhvMessageId } : {}),
      ...(mhvThreadId ? { mhvThreadId } : {}),
    },
  };
}

function delivered(ids: DeliveredIds, found: boolean): Outcome {
  return { kind: 'delivered', ids, found };
}

/** Fetches everything that the entry only refers to. */
async function gather(
  options: OhToMhvOptions,
  { entry, attempt }: { entry: Entry; attempt: number },
  context: CallContext,
): Promise<MhvFacts> {
  const { store, messaging, fhir } = options;
  const { box, ohPatientId, ohMessageId } = entry;
  const message = await messaging.getMessage(
    { patientId: ohPatientId, box, messageId: ohMessageId },
    context,
  );
  const icn = await fhir.icnOfPatient(message.patientId, context);
  const conversation = await conversationOf(options, message, entry, context);
  const poolId = poolOf(message) ?? conversation.poolId ?? options.defaultPoolId;
  const ownName = await clinicianNameOf(options, message.sender, context);
  const pool = await groupOf(options, { message, poolId, ownName, attempt }, context);
  // A pool that writes is the message's group, and goes by the same name.
  const senderName = message.sender?.type === 'POOL' ? pool?.name : ownName;
  const { referenceId } = message;
  await store.learn([
    {
      ohMessageId,
      ...(referenceId ? { ohReferenceId: referenceId } : {}),
      ...(poolId ? { ohPoolId: poolId } : {}),
    },
  ]);
  return {
    message: { ...message, id: ohMessageId },
    box,
    icn,
    ...(senderName ? { senderName } : {}),
    ...(pool ? { pool } : {}),
    ...(pool?.stationNumber ? { stationNumber: pool.stationNumber } : {}),
    ...(conversation.parentId ? { inReplyToOhMessageId: conversation.parentId } : {}),
    ...(conversation.rootId ? { conversationRootOhMessageId: conversation.rootId } : {}),
  };
}

function placeOf({ encounterId, patientId }: OhMessage) {
  return { patientId, ...(encounterId ? { encounterId } : {}) };
}

/** The triage group a message is filed under. */
async function groupOf(
  options: OhToMhvOptions,
  of: {
    message: OhMessage;
    poolId: string | undefined;
    ownName: string | undefined;
    attempt: number;
  },
  context: CallContext,
): Promise<MappedPool | undefined> {
  const { message, poolId, ownName: name, attempt } = of;
  const place = placeOf(message);
  if (poolId !== undefined) return groupOfPool(options, { poolId, attempt }, place, context);
  if (message.sender?.type !== 'PERSONNEL') return undefined;
  const clinician = { poolId: message.sender.id, attempt, name };
  return groupOfClinician(options, clinician, place, context);
}

async function clinicianNameOf(
  { fhir }: OhToMhvOptions,
  sender: OhParty | undefined,
  context: CallContext,
): Promise<string | undefined> {
  return sender?.type === 'PERSONNEL'
    ? ifKnown(fhir.practitionerName(sender.id, context))
    : undefined;
}

/** A name is worth asking for, but a message does not stay behind for want of one. */
async function ifKnown(name: Promise<string | undefined>): Promise<string | undefined> {
  try {
    return await name;
  } catch (error) {
    if (error instanceof UpstreamError && error.outcome.kind === 'rejected') return undefined;
    throw error;
  }
}
