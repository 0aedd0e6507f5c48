/**
 * Flow 2: a message posted by MHV, or by a person with cURL, reaches the patient's OH outbox.
 * Send -> the patient's OH id and the pool's consent -> OH's shape -> Oracle Health.
 */
import type { Attachment, Outcome, Send, ToOh } from '../message.ts';
import type { MhvSession } from '../mhv/session.ts';
import type { OhMedia } from '../oh/media.ts';
import type { OhListedMessage } from '../oh/messaging.ts';
import type { DeliveryContext, Translation } from '../queue/attempt.ts';
import type { Flow } from '../queue/engine.ts';
import type { Claimed } from '../store/store.ts';
import { toOh } from '../translate/to-oh.ts';
import type { CallContext } from '../upstream.ts';
import { withFilesAtOh } from './attachments.ts';
import { type DirectoryOptions, mayReceive } from './directory.ts';
import { identityOf, type PatientOptions } from './patient.ts';

export interface MhvToOhOptions extends PatientOptions, DirectoryOptions {
  media: OhMedia;
  /** Opens MHV as one of its users, to fetch files. */
  mhvSessionOf: (mhvCorrelationId: string) => MhvSession;
  now: () => number;
}

/**
 * OH's clock is not ours, and ours may have jumped: missing a message that is there doubles it, while
 * looking far costs one list, for only the exchange makes a body that is equal to the letter.
 */
const CLOCK_TOLERANCE_MS = 24 * 60 * 60 * 1000;

/** Makes the two stages of the flow. */
export function mhvToOh(options: MhvToOhOptions): Flow {
  return {
    translate: (claimed, context) => translate(options, claimed, context),
    deliver: (claimed, context) => deliver(options, claimed, context),
  };
}

async function translate(
  options: MhvToOhOptions,
  claimed: Claimed,
  context: CallContext,
): Promise<Translation> {
  const send = claimed.payload as Send;
  const patient = { icn: send.icn, named: send.ohPatientId };
  const { ohPatientId: patientId } = await identityOf(options, patient, context);
  const pool = { poolId: send.receivingPoolId, attempt: claimed.attempt, ohPatientId: patientId };
  if (!(await mayReceive(options, pool, context))) {
    const reason = 'OH does not let patients write to the receiving pool.';
    return { kind: 'rejected', code: 'oh:recipient-denied', reason };
  }
  const fetched = await fetchFiles(options, send, context);
  return toOh({ ...send, attachments: [...(send.attachments ?? []), ...fetched] }, patientId);
}

/** The files that the send only refers to, from the MHV message they belong to. */
async function fetchFiles(
  { mhvSessionOf }: MhvToOhOptions,
  { mhvAttachmentIds = [], mhvMessageId, mhvCorrelationId }: Send,
  context: CallContext,
): Promise<Attachment[]> {
  const files: Attachment[] = [];
  for (const attachmentId of mhvAttachmentIds) {
    const session = mhvSessionOf(mhvCorrelationId ?? '');
    const ids = { messageId: mhvMessageId ?? '', attachmentId };
    const {
      bytes,
      mimeType,
      name = `attachment-${attachmentId}`,
    } = await session.file(ids, context);
    files.push({ name, mimeType, contentBase64: Buffer.from(bytes).toString('base64') });
  }
  return files;
}

async function deliver(
  options: MhvToOhOptions,
  claimed: Claimed,
  context: DeliveryContext,
): Promise<Outcome> {
  const message = claimed.payload as ToOh;
  if (claimed.inDoubtSince !== undefined) {
    context.note('asked');
    const ohMessageId = await findInOutbox(options, claimed, claimed.inDoubtSince, context);
    context.note(ohMessageId ? 'found' : 'not there');
    if (ohMessageId) return delivered(message, ohMessageId, true);
  }
  const { ohMessageId } = await withFilesAtOh(
    options,
    claimed,
    message.attachments,
    context,
    (attachments) => options.messaging.send({ ...sendRequestOf(message), attachments }, context),
  );
  return delivered(message, ohMessageId, false);
}

function sendRequestOf(message: ToOh) {
  const { previousMessageId } = message;
  return {
    patientId: message.ohPatientId,
    receivingPoolId: message.receivingPoolId,
    subject: message.subject,
    xhtml: message.xhtml,
    ...(previousMessageId ? { previousMessageId } : {}),
  };
}

function delivered({ mhvMessageId }: ToOh, ohMessageId: string, found: boolean): Outcome {
  const ids = { ohMessageId, ...(mhvMessageId ? { mhvMessageId } : {}) };
  return { kind: 'delivered', ids, found };
}

/**
 * Looks for a message that an earlier attempt may have stored: the one it is known to have stored, or
 * one that the patient sent since then, equal in subject, receiver and body, and that is not the trace
 * of another send.
 */
async function findInOutbox(
  { store, messaging, now }: MhvToOhOptions,
  claimed: Claimed,
  inDoubtSince: number,
  context: CallContext,
): Promise<string | undefined> {
  const message = claimed.payload as ToOh;
  const patientId = message.ohPatientId;
  const since = inDoubtSince - CLOCK_TOLERANCE_MS;
  const until = now() + CLOCK_TOLERANCE_MS;
  const listed = await messaging.listMessages({ patientId, box: 'outbox', since, until }, context);
  const stored = (await store.find(claimed.id))?.ohMessageId;
  if (listed.some(({ id }) => id === stored)) return stored;
  for (const { id } of listed.filter((candidate) => looksLike(candidate, message))) {
    // A link the other way is no other send: the feed or a history may have announced this very message.
    if ((await store.linkOf(id))?.direction === 'mhv-to-oh') continue;
    const found = await messaging.getMessage({ patientId, box: 'outbox', messageId: id }, context);
    if (found.blocks.some(({ text }) => text === message.xhtml)) return id;
  }
  return undefined;
}

function looksLike(candidate: OhListedMessage, message: ToOh): boolean {
  const isToPool = candidate.receivers.some(({ id }) => id === message.receivingPoolId);
  return candidate.subject === message.subject && isToPool;
}
