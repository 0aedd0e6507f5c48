/** How to call each operation of MHV that the clients use. */
import { context } from '../oh/loopback.ts';
import { contracts, NOW, patientOf, type Setup } from './setup.ts';

export interface MhvCall {
  /** Calls it; `id` is a message that the patient has. */
  call: (run: Setup, id: string) => Promise<unknown>;
  /** Part of the operation's path and query, for faults. */
  path: string;
  method: 'GET' | 'POST';
  /** Called with a session, which can be renewed. */
  inSession: boolean;
}

const bytes = new TextEncoder().encode('%PDF-1.4 zztest');
const upload = { name: 'a.pdf', mimeType: 'application/pdf', bytes };
export const draft = { subject: 'ZZTEST', category: 'OTHER', recipientId: '613586', body: 'Hello' };
const withFile = { ...draft, files: { uploads: [upload] } };

export const mhvCalls: Record<string, MhvCall> = {
  getSession: {
    call: ({ session }) => session.create(draft, context),
    path: '/session',
    method: 'GET',
    inSession: false,
  },
  createMessage: {
    call: ({ session }) => session.create(draft, context),
    path: '/message',
    method: 'POST',
    inSession: true,
  },
  replyToMessage: {
    call: ({ session }, id) => session.reply(id, draft, context),
    path: '/reply',
    method: 'POST',
    inSession: true,
  },
  createMessageWithAttachments: {
    call: ({ session }) => session.create(withFile, context),
    path: '/message/attach',
    method: 'POST',
    inSession: true,
  },
  replyToMessageWithAttachments: {
    call: ({ session }, id) => session.reply(id, withFile, context),
    path: '/reply/attach',
    method: 'POST',
    inSession: true,
  },
  getMessagesForThread: {
    call: ({ session }, id) => session.thread(id, context),
    path: '/messagesforthread',
    method: 'GET',
    inSession: true,
  },
  getMessageStatus: {
    call: ({ session }, id) => session.status(id, context),
    path: '/status',
    method: 'GET',
    inSession: true,
  },
  getAllTriageTeams: {
    call: ({ session }) => session.teams(context),
    path: '/alltriageteams',
    method: 'GET',
    inSession: true,
  },
  getAttachment: {
    call: ({ session, mocks }, id) => {
      const attachmentId = String(mocks.world.mhv.messages.get(Number(id))?.files[0]?.id);
      return session.file({ messageId: id, attachmentId }, context);
    },
    path: '/attachment/',
    method: 'GET',
    inSession: true,
  },
  getPresignedUrl: {
    call: ({ session }) => session.presignedUrl('a.pdf', context),
    path: '/presigned-url',
    method: 'GET',
    inSession: true,
  },
  findExchangeMessage: {
    call: ({ mhv }) => mhv.findByOhMessageId('3000000005:-6:0:0', context),
    path: '/exchange/message',
    method: 'GET',
    inSession: false,
  },
  insertExchangeMessage: {
    call: ({ mhv, mocks }) =>
      mhv.insert(
        {
          direction: 'oh-to-mhv',
          ohMessageId: '3000000005:-6:0:0',
          icn: patientOf(mocks).icn,
          sender: { ohId: '2000001', type: 'POOL', name: 'ZZTEST Pool' },
          triageGroup: { ohPoolId: '2000001', name: 'ZZTEST Pool', stationNumber: '668' },
          subject: 'ZZTEST',
          category: 'OTHER',
          body: 'Hello',
          sentAt: NOW,
          attachments: [],
        },
        [],
        context,
      ),
    path: '/exchange/message',
    method: 'POST',
    inSession: false,
  },
};

interface ErrorTable {
  withoutErrorCode: { when: string; action: string; note?: string }[];
}

/** Statuses for which the contract tells what to do without an error code, the gateway's among them. */
export const statusesWithoutCode = (
  contracts.mhv.raw['x-error-codes'] as ErrorTable
).withoutErrorCode.flatMap(({ when, action, note = '' }) =>
  [...when.matchAll(/\b\d{3}\b/g)].map(([status]) => ({
    status: Number(status),
    action: note.startsWith('configuration fault') ? 'configuration' : action,
  })),
);

/** Opens the patient's session and gives the id of a message, with a file, that lies in MHV. */
export async function openSession({ session }: Setup): Promise<string> {
  return (await session.create(withFile, context)).id;
}

/** Lets the client's session end, so that the next call opens one; MHV's error is then that of opening. */
export function endSession(run: Setup): void {
  run.clock.now += 2 * 3_600_000;
}

/** Whether a failed answer to the operation leaves a write in doubt. */
export function isWrite(id: string): boolean {
  return mhvCalls[id]?.method === 'POST';
}
