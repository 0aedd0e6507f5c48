/** Client of OH Messaging REST 2.0: reads a patient's messages, sends as the patient, knows pools. */

import { readJson } from '../json.ts';
import type { OhMessage } from '../message.ts';
import { type CallContext, UpstreamError } from '../upstream.ts';
import { listMessages, type OhListRequest } from './listing.ts';
import { messageMapSchema, type OhListedMessage, ohMessage } from './messages.ts';
import {
  getOfPatient,
  type MessagingAccess,
  type OhMessagingOptions,
  urlOf,
} from './messaging-calls.ts';
import { createPoolReader, findPools, type OhPool, personnelAccess, poolAccess } from './pools.ts';
import { type OhSendRequest, type OhSent, send } from './sending.ts';
import { createSurvivors } from './survivors.ts';

export type { OhListedMessage, OhMessagingOptions };

/** Which message to read. */
interface OhMessageRequest {
  patientId: string;
  box: 'inbox' | 'outbox';
  messageId: string;
}

/**
 * Every method throws UpstreamError. 403 and a repeated 401 are `retry`: faults of configuration
 * must not dead-letter messages. Reads follow a combined patient to the survivor.
 */
export interface OhMessaging {
  /**
   * Reads one message with its references. When OH knows the patient but not the message it is
   * `retry`, `oh:message-not-found`: the feed can run ahead of the store that reads are answered from.
   */
  getMessage(request: OhMessageRequest, context: CallContext): Promise<OhMessage>;
  /** Lists a box over any range of time, oldest first, each message once, deleted ones left out. */
  listMessages(request: OhListRequest, context: CallContext): Promise<OhListedMessage[]>;
  /** Sends as the patient to a pool. A lost answer or 5xx is `in-doubt`: list the outbox first. */
  send(request: OhSendRequest, context: CallContext): Promise<OhSent>;
  /** Reads pools by id. One asked for alone is kept for a minute: every message of a pool asks. */
  getPools(ids: string[], context: CallContext): Promise<OhPool[]>;
  /** Finds pools by the start of their name; all of them when it is empty. */
  findPools(name: string, context: CallContext): Promise<OhPool[]>;
  /** Says by pool id whether the pool can be written to. */
  poolAccess(ids: string[], context: CallContext): Promise<Map<string, boolean>>;
  /** Says by personnel id whether the person can be written to. */
  personnelAccess(ids: string[], context: CallContext): Promise<Map<string, boolean>>;
}

/** A client for one authority. */
export function createOhMessaging(messagingOptions: OhMessagingOptions): OhMessaging {
  const survivors = createSurvivors(messagingOptions.now);
  const options: MessagingAccess = { ...messagingOptions, survivors };
  const pools = createPoolReader(options);
  return {
    getMessage: (request, context) => getMessage(options, request, context),
    listMessages: (request, context) => listMessages(options, request, context),
    send: (request, context) => send(options, request, context),
    getPools: (ids, context) => pools(ids, context),
    findPools: (name, context) => findPools(options, name, context),
    poolAccess: (ids, context) => poolAccess(options, ids, context),
    personnelAccess: (ids, context) => personnelAccess(options, ids, context),
  };
}

async function getMessage(
  options: MessagingAccess,
  request: OhMessageRequest,
  context: CallContext,
): Promise<OhMessage> {
  const { messageId, box } = request;
  const urlFor = (id: string): string =>
    urlOf(options, ['patients', id, box, 'messages', messageId], '?loadReferences=true');
  const { response, patientId } = await getOfPatient(options, request.patientId, urlFor, context);
  const byId = readJson(response, messageMapSchema, { system: 'oh', effect: 'read' });
  const message = byId.get(messageId) ?? [...byId.values()].find(({ id }) => id === messageId);
  if (message) return ohMessage(message, { messageId, patientId });
  throw new UpstreamError({
    kind: 'retry',
    code: 'oh:message-not-found',
    reason: 'OH knows the patient but does not show the message, or not yet.',
    httpStatus: response.status,
  });
}
