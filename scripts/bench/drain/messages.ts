/** Invented messages, the n-th always the same, spread over 1,000 invented patients. */
import type { Entry, ToMhv } from '../../../src/message.ts';

const BODY = 'An invented line of an invented message. '.repeat(12);
const UPDATED_AT = Date.UTC(2025, 9, 8, 14, 0, 0);

export function invented(n: number): { entry: Entry; message: ToMhv } {
  const ohMessageId = `${3_000_000_000 + n}:-6:0:0`;
  const ohPatientId = String(1_000_000 + (n % 1000));
  return {
    entry: {
      source: 'feed',
      atomId: `urn:example:oh:message:${ohMessageId}`,
      updatedAt: UPDATED_AT,
      ohPatientId,
      ohMessageId,
      box: 'inbox',
    },
    message: {
      direction: 'oh-to-mhv',
      ohMessageId,
      icn: `${ohPatientId}000V123456`,
      sender: { ohId: '2000001', type: 'POOL', name: 'ZZTEST Primary Care' },
      triageGroup: { ohPoolId: '2000001', name: 'ZZTEST Primary Care', stationNumber: '668' },
      subject: 'Lab follow-up',
      category: 'OTHER',
      body: BODY,
      sentAt: UPDATED_AT,
      attachments: [],
    },
  };
}
