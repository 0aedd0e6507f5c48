/**
 * Flow 2: a message posted by MHV, or by a person with cURL, reaches the patient's OH outbox.
 * Send -> the patient's OH id and the pool's consent -> OH's shape -> Oracle Health.
 */
import { createHash } from 'node:crypto';
import type { MediaReference, Outcome, Send, ToOh } from '../message.ts';
import type { OhFhir } from '../oh/fhir.ts';
import type { OhMedia } from '../oh/media.ts';
import type { OhListedMessage, OhMessaging } from '../oh/messaging.ts';
import type { DeliveryContext, Translation } from '../queue/attempt.ts';
import type { Flow } from '../queue/engine.ts';
import type { Claimed, Store } from '../store/store.ts';
import { toOh } from '../translate/to-oh.ts';
import type { CallContext } from '../upstream.ts';

export interface MhvToOhOptions {
  store: Store;
  messaging: OhMessaging;
  fhir: OhFhir;
  media: OhMedia;
  now: () => number;
}

/** OH keeps dates to the second, and its clock is not ours. */
const CLOCK_TOLERANCE_MS = 5 * 60 * 1000;

/** Makes the two stages of the flow. */
export function mhvToOh(options: MhvToOhOptions): Flow {
  return {
    translate: (claimed, context) => translate(options, claimed.payload as Send, context),
    deliver: (claimed, context) => deliver(options, claimed, context),
  };
}

async function translate(
  { messaging, fhir }: MhvToOhOptions,
  send: Send,
  context: CallContext,
): Promise<Translation> {
  const { patientId } = await fhir.patientByIcn(send.icn, context);
  const access = await messaging.poolAccess([send.receivingPoolId], context);
  if (access.get(send.receivingPoolId) !== true) {
    const reason = 'OH does not let patients write to the receiving pool.';
    return { kind: 'rejected', code: 'oh:recipient-denied', reason };
  }
  return toOh(send, patientId);
}

async function deliver(
  options: MhvToOhOptions,
  claimed: Claimed,
  context: DeliveryContext,
): Promise<Outcome> {
  const message = claimed.payload as ToOh;
  if (claimed.inDoubtSince !== undefined) {
    context.note('asked');
    const ohMessageId = await findInOutbox(options, message, claimed.inDoubtSince, context);
    context.note(ohMessageId ? 'found' : 'not there');
    if (ohMessageId) return delivered(message, ohMessageId, true);
  }
  const attachments = await uploadAttachments(options, claimed.id, message, context);
  const { ohMessageId } = await options.messaging.send(
    {
      patientId: message.ohPatientId,
      receivingPoolId: message.receivingPoolId,
      subject: message.subject,
      xhtml: message.xhtml,
      ...(message.previousMessageId ? { previousMessageId: message.previousMessageId } : {}),
      attachments,
    },
    context,
  );
  return delivered(message, ohMessageId, false);
}

function delivered({ mhvMessageId }: ToOh, ohMessageId: string, found: boolean): Outcome {
  const ids = { ohMessageId, ...(mhvMessageId ? { mhvMessageId } : {}) };
  return { kind: 'delivered', ids, found };
}

/**
 * Looks for a message that an earlier attempt may have stored: one that the patient sent since then,
 * equal in subject, receiver and body, and that is not the trace of another send.
 */
async function findInOutbox(
  { store, messaging, now }: MhvToOhOptions,
  message: ToOh,
  inDoubtSince: number,
  context: CallContext,
): Promise<string | undefined> {
  const patientId = message.ohPatientId;
  const since = inDoubtSince - CLOCK_TOLERANCE_MS;
  const until = now() + CLOCK_TOLERANCE_MS;
  const listed = await messaging.listMessages({ patientId, box: 'outbox', since, until }, context);
  for (const { id } of listed.filter((candidate) => looksLike(candidate, message))) {
    const link = await store.linkOf(id);
    if (link?.direction !== undefined) continue;
    const stored = await messaging.getMessage({ patientId, box: 'outbox', messageId: id }, context);
    if (stored.blocks.some(({ text }) => text === message.xhtml)) return id;
  }
  return undefined;
}

function looksLike(candidate: OhListedMessage, message: ToOh): boolean {
  const isToPool = candidate.receivers.some(({ id }) => id === message.receivingPoolId);
  return candidate.subject === message.subject && isToPool;
}

/** Uploads what an earlier attempt has not; each upload is remembered before the next one begins. */
async function uploadAttachments(
  { store, media }: MhvToOhOptions,
  messageId: string,
  message: ToOh,
  context: CallContext,
): Promise<MediaReference[]> {
  if (message.attachments.length === 0) return [];
  const known = await store.uploadsOf(messageId);
  const references: MediaReference[] = [];
  for (const [position, { name, mimeType, contentBase64 }] of message.attachments.entries()) {
    const bytes = new Uint8Array(Buffer.from(contentBase64, 'base64'));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const earlier = known.find((one) => one.position === position && one.sha256 === sha256);
    const idempotencyKey = `${messageId}:${position}`;
    const reference =
      (earlier?.reference as MediaReference | undefined) ??
      (await media.upload({ name, mimeType, bytes, idempotencyKey }, context));
    if (!earlier) await store.rememberUpload(messageId, { position, sha256, reference });
    references.push(reference);
  }
  return references;
}
