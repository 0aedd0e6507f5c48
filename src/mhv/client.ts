/**
 * Client of the operations by which MHV takes messages written in Oracle Health.
 *
 * ASSUMPTION: nobody has published these operations; path, fields and authentication (the application
 * token without a patient's session, for the object store too) are ours, and this is the only file that knows them.
 */
import { z } from 'zod';
import { idSchema, readJson, unreadable } from '../json.ts';
import type { Instant, ToMhv } from '../message.ts';
import type { CallContext, UpstreamResponse } from '../upstream.ts';
import { isSuccess, type MhvCaller, type MhvOptions, type MhvRequest, mhvCall } from './calls.ts';
import { presign, put } from './files.ts';
import { isUnknown, refused } from './verdict.ts';

export interface MhvClientOptions extends MhvOptions {
  /** Path of the operations under the base URL; `/exchange/message` unless told. */
  exchangePath?: string;
}

/** A file for MHV: its content, or where it was put in MHV's object store. */
export type MhvAttachment = {
  name: string;
  mimeType: string;
  /** In bytes. */
  size: number;
} & ({ contentBase64: string } | { lgAttachmentId: string });

interface MhvMessageIds {
  mhvMessageId: string;
  mhvThreadId: string;
}

/** Every method throws UpstreamError. */
export interface MhvClient {
  /** Asks whether MHV has the message of OH, and in which thread; undefined when it has not. */
  findByOhMessageId(ohMessageId: string, context: CallContext): Promise<MhvMessageIds | undefined>;
  /**
   * Inserts a message; `attachments` take the place of `message.attachments`. MHV is to answer a
   * repeated OH message id with the ids of the first insert; still, find first when in doubt.
   */
  insert(
    message: ToMhv,
    attachments: MhvAttachment[],
    context: CallContext,
  ): Promise<MhvMessageIds>;
  /** Puts a file that is too large for the gateway in MHV's object store. Never `in-doubt`. */
  putFile(
    file: { name: string; mimeType: string; bytes: Uint8Array<ArrayBuffer> },
    context: CallContext,
  ): Promise<{ lgAttachmentId: string }>;
}

const storedSchema = z.object({ id: idSchema, threadId: idSchema, ohMessageId: z.string() });

/** A client for one MHV. */
export function createMhvClient(options: MhvClientOptions): MhvClient {
  return {
    findByOhMessageId: (ohMessageId, context) => find(options, ohMessageId, context),
    insert: (message, attachments, context) => insert(options, message, attachments, context),
    async putFile({ name, mimeType, bytes }, context) {
      const { url, lgAttachmentId } = await presign(exchangeCallOf(options), name, context);
      await put(options, url, { bytes, mimeType }, context);
      return { lgAttachmentId };
    },
  };
}

/** Calls as the exchange itself, not as a patient; throws the verdict on anything but success. */
function exchangeCallOf(options: MhvClientOptions): MhvCaller {
  return async (request, context) => {
    const headers = { ...request.headers, appToken: options.appToken };
    const response = await mhvCall(options, { ...request, headers }, context);
    if (isSuccess(response)) return response;
    throw refused(response, { effect: request.effect, now: options.now() });
  };
}

async function find(
  options: MhvClientOptions,
  ohMessageId: string,
  context: CallContext,
): Promise<MhvMessageIds | undefined> {
  const path = `${pathOf(options)}?ohMessageId=${encodeURIComponent(ohMessageId)}`;
  const headers = { appToken: options.appToken };
  const response = await mhvCall(
    options,
    { method: 'GET', path, headers, effect: 'read' },
    context,
  );
  if (isSuccess(response)) return idsIn(response, ohMessageId, 'read');
  if (isUnknown(response)) return undefined;
  throw refused(response, { effect: 'read', now: options.now() });
}

async function insert(
  options: MhvClientOptions,
  message: ToMhv,
  attachments: MhvAttachment[],
  context: CallContext,
): Promise<MhvMessageIds> {
  const request: MhvRequest = {
    method: 'POST',
    path: pathOf(options),
    headers: { appToken: options.appToken, 'Content-Type': 'application/json' },
    body: JSON.stringify(bodyOf(message, attachments)),
    effect: 'write',
  };
  const response = await mhvCall(options, request, context);
  if (isSuccess(response)) return idsIn(response, message.ohMessageId, 'write');
  throw refused(response, { effect: 'write', now: options.now() });
}

function pathOf(options: MhvClientOptions): string {
  return options.exchangePath ?? '/exchange/message';
}

function bodyOf(message: ToMhv, attachments: MhvAttachment[]): Record<string, unknown> {
  const { inReplyToOhMessageId, conversationRootOhMessageId } = message;
  return {
    ohMessageId: message.ohMessageId,
    icn: message.icn,
    sender: message.sender,
    triageGroup: message.triageGroup,
    subject: message.subject,
    category: message.category,
    body: message.body,
    bodyFormat: 'TEXT',
    sentDate: utcSecond(message.sentAt),
    ...(inReplyToOhMessageId === undefined ? {} : { inReplyToOhMessageId }),
    ...(conversationRootOhMessageId === undefined ? {} : { conversationRootOhMessageId }),
    ...(attachments.length === 0 ? {} : { attachments }),
  };
}

/** The ids in the answer. One about another message is as good as none. */
function idsIn(
  response: UpstreamResponse,
  ohMessageId: string,
  effect: 'read' | 'write',
): MhvMessageIds {
  const request = { system: 'mhv', effect } as const;
  const answer = readJson(response, storedSchema, request);
  if (answer.ohMessageId !== ohMessageId) throw unreadable(response, request);
  return { mhvMessageId: answer.id, mhvThreadId: answer.threadId };
}

/** ISO 8601 in UTC without milliseconds. */
function utcSecond(at: Instant): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}
