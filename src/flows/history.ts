/**
 * Flow 3: when a patient first logs in, their OH messages are listed window by window, oldest first,
 * into the inbox, as if the feed had pushed them. From there on they are flow 1.
 */
import type { Entry, Instant } from '../message.ts';
import type { OhListedMessage, OhMessaging } from '../oh/messaging.ts';
import type { ListHistory } from '../queue/attempt.ts';
import type { ClaimedSession, SessionProgress } from '../store/store.ts';
import type { CallContext } from '../upstream.ts';
import { identityOf, type PatientOptions } from './patient.ts';

export interface HistoryOptions extends PatientOptions {
  messaging: OhMessaging;
  /** Nothing older is asked for. */
  historySince: Instant;
  now: () => Instant;
}

/** OH lists 90 days at a time; one window is one claim, so that a kill costs one window. */
const WINDOW_MS = 90 * 24 * 60 * 60 * 1000;

const BOXES: Entry['box'][] = ['inbox', 'outbox'];

/** Makes the steps of a session: first who the patient is at OH, then one window after the other. */
export function history(options: HistoryOptions): ListHistory {
  return async (session, context) => {
    if (session.ohPatientId !== undefined) {
      return listWindow(options, session, session.ohPatientId, context);
    }
    const patient = { icn: session.icn, named: session.namedOhPatientId };
    return { step: 'identified', ...(await identityOf(options, patient, context)) };
  };
}

async function listWindow(
  { messaging, historySince, now }: HistoryOptions,
  session: ClaimedSession,
  ohPatientId: string,
  context: CallContext,
): Promise<SessionProgress> {
  const since = session.listedUntil ?? session.since ?? historySince;
  const end = Math.min(session.until ?? Number.POSITIVE_INFINITY, now());
  const until = Math.min(since + WINDOW_MS, end);
  const boxes = await Promise.all(
    BOXES.map(async (box) => {
      const request = { patientId: ohPatientId, box, since, until };
      const listed = await messaging.listMessages(request, context);
      return listed.map((message) => ({ message, box }));
    }),
  );
  const entries = boxes
    .flat()
    .toSorted((a, b) => a.message.createdAt - b.message.createdAt)
    .map(({ message, box }) => entryOf(message, box, ohPatientId));
  return { step: 'listed', ohPatientId, entries, listedUntil: until, finished: until >= end };
}

/** OH never says how a listed message would look in the feed, so the entry gets an id of ours. */
function entryOf(message: OhListedMessage, box: Entry['box'], ohPatientId: string): Entry {
  return {
    source: 'history',
    atomId: `urn:sm-exchange:history:${box}:${message.id}`,
    updatedAt: message.createdAt,
    ohPatientId,
    ohMessageId: message.id,
    box,
  };
}
