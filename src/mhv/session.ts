/** Client of the published, patient-scoped part of MHV Secure Messaging. */

import { readJson } from '../json.ts';
import type { CallContext } from '../upstream.ts';
import type { MhvCaller } from './calls.ts';
import { type MhvFile, type MhvPresignedUrl, presign, put, readFile } from './files.ts';
import {
  deliveryStatusSchema,
  type MhvDeliveryStatus,
  type MhvStoredMessage,
  type MhvThreadMessage,
  storedMessageSchema,
  threadSchema,
} from './messages.ts';
import { createSessionCalls, type MhvSessionOptions } from './session-token.ts';
import { type MhvTriageTeam, teamsSchema } from './teams.ts';
import { type MhvNewMessage, messageForm, messageJson } from './writing.ts';

export type { MhvSessionOptions };

/** What one patient can do. Every method throws UpstreamError. */
export interface MhvSession {
  /** Starts a conversation with a triage group. Without a clear answer it is `in-doubt`. */
  create(message: MhvNewMessage, context: CallContext): Promise<MhvStoredMessage>;
  /** Replies to a message. Without a clear answer it is `in-doubt`: look into the thread first. */
  reply(messageId: string, message: MhvNewMessage, context: CallContext): Promise<MhvStoredMessage>;
  /** How far a message bound for Oracle Health has come. */
  status(messageId: string, context: CallContext): Promise<MhvDeliveryStatus>;
  /** The sent messages of the conversation that the message belongs to, oldest first. */
  thread(messageId: string, context: CallContext): Promise<MhvThreadMessage[]>;
  /** The triage teams that the user is associated with, those of Oracle Health included. */
  teams(context: CallContext): Promise<MhvTriageTeam[]>;
  /** Reads one file of a message, 25 MiB at most. */
  file(ids: { messageId: string; attachmentId: string }, context: CallContext): Promise<MhvFile>;
  /** Asks where to put a file that is too large for the gateway; its name must have an extension. */
  presignedUrl(fileName: string, context: CallContext): Promise<MhvPresignedUrl>;
  /** Puts a file where `presignedUrl` said. */
  put(url: string, file: MhvFile, context: CallContext): Promise<void>;
}

/**
 * Gives the session of an MHV user by `mhvCorrelationId`. Nothing is called before the first method
 * is; sessions are shared between all that are given for the same user.
 */
export function createMhvSessions(
  options: MhvSessionOptions,
): (mhvCorrelationId: string) => MhvSession {
  const callsOf = createSessionCalls(options);
  return (mhvCorrelationId) => sessionOf(options, callsOf(mhvCorrelationId));
}

function sessionOf(options: MhvSessionOptions, sessionCall: MhvCaller): MhvSession {
  return {
    create: (message, context) => write(sessionCall, '/message', message, context),
    reply: (messageId, message, context) =>
      write(sessionCall, `${pathOf(messageId)}/reply`, message, context),
    async status(messageId, context) {
      const path = `${pathOf(messageId)}/status`;
      const response = await sessionCall({ method: 'GET', path, effect: 'read' }, context);
      return readJson(response, deliveryStatusSchema, { system: 'mhv', effect: 'read' });
    },
    async thread(messageId, context) {
      const path = `${pathOf(messageId)}/messagesforthread?requiresOHMessages=1`;
      const response = await sessionCall({ method: 'GET', path, effect: 'read' }, context);
      return readJson(response, threadSchema, { system: 'mhv', effect: 'read' });
    },
    async teams(context) {
      const path = '/alltriageteams?requiresOHTriageGroup=1';
      const response = await sessionCall({ method: 'GET', path, effect: 'read' }, context);
      return readJson(response, teamsSchema, { system: 'mhv', effect: 'read' });
    },
    file: (ids, context) => readFile(options, sessionCall, ids, context),
    presignedUrl: (fileName, context) => presign(sessionCall, fileName, context),
    put: (url, file, context) => put(options, url, file, context),
  };
}

async function write(
  sessionCall: MhvCaller,
  path: string,
  message: MhvNewMessage,
  context: CallContext,
): Promise<MhvStoredMessage> {
  const { files } = message;
  const request = files
    ? { path: `${path}/attach`, body: messageForm(message, files) }
    : { path, body: messageJson(message), headers: { 'Content-Type': 'application/json' } };
  const response = await sessionCall({ ...request, method: 'POST', effect: 'write' }, context);
  return readJson(response, storedMessageSchema, { system: 'mhv', effect: 'write' });
}

function pathOf(messageId: string): string {
  return `/message/${encodeURIComponent(messageId)}`;
}
