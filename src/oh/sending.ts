/** The one write of Messaging REST: a message from the patient to a pool. */

import { int64 } from '../json.ts';
import type { MediaReference } from '../message.ts';
import { type CallContext, peerAt, UpstreamError, type UpstreamResponse } from '../upstream.ts';
import { authorizedCall } from './authorized-call.ts';
import { headersOf, type OhMessagingOptions, urlOf } from './messaging-calls.ts';
import { refused } from './verdict.ts';

export interface OhSendRequest {
  patientId: string;
  receivingPoolId: string;
  subject: string;
  /** An XHTML document of ASCII characters only: the store behind may keep less than Unicode. */
  xhtml: string;
  previousMessageId?: string;
  attachments: MediaReference[];
}

export interface OhSent {
  ohMessageId: string;
  /** The patient in whose outbox OH put the message. */
  patientId: string;
}

/**
 * Sends as the patient. OH has no idempotency key, so a lost answer, 5xx or an unreadable `Location`
 * is `in-doubt`: look into the outbox before repeating. 404 is `rejected`, `oh:patient-unknown`.
 */
export async function send(
  options: OhMessagingOptions,
  request: OhSendRequest,
  context: CallContext,
): Promise<OhSent> {
  const response = await authorizedCall(
    {
      system: 'oh',
      peer: peerAt(options.baseUrl, options.tls),
      method: 'POST',
      url: urlOf(options, ['patients', request.patientId, 'outbox', 'messages']),
      headers: { ...headersOf(context), 'Content-Type': 'application/json; charset=UTF-8' },
      body: JSON.stringify(bodyOf(request)),
      timeoutMs: options.timeoutMs,
      effect: 'write',
      context,
    },
    options.authorizer,
  );
  if (response.status < 200 || response.status > 299) {
    const notFoundCode = 'oh:patient-unknown';
    throw refused(response, { system: 'oh', effect: 'write', now: options.now(), notFoundCode });
  }
  return sentIds(response);
}

function bodyOf(request: OhSendRequest): Record<string, unknown> {
  const { previousMessageId, attachments } = request;
  return {
    patientId: int64(request.patientId, 'oh'),
    receivers: [{ receiverId: int64(request.receivingPoolId, 'oh'), type: 'POOL' }],
    ...(previousMessageId === undefined ? {} : { previousMessageId }),
    subject: request.subject,
    text: request.xhtml,
    formatType: 'XHTML',
    ...(attachments.length === 0 ? {} : { attachments }),
  };
}

/** The ids in `Location`, relative or absolute, percent-decoded once. */
function sentIds(response: UpstreamResponse): OhSent {
  const path = response.headers.get('location')?.split('?', 1)[0] ?? '';
  const [, patientId, messageId] =
    /\/patients\/([^/]+)\/outbox\/messages\/([^/]+)$/.exec(path) ?? [];
  if (patientId !== undefined && messageId !== undefined) {
    try {
      return {
        ohMessageId: decodeURIComponent(messageId),
        patientId: decodeURIComponent(patientId),
      };
    } catch {
      // A broken percent escape is as unreadable as no Location.
    }
  }
  throw new UpstreamError({
    kind: 'in-doubt',
    code: 'oh:unreadable',
    reason: 'OH stored the message but did not say under which id.',
    httpStatus: response.status,
  });
}
