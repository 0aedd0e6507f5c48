/** MHV message -> OH message: what OH is asked to store in the patient's outbox. */
import type { Send, ToOh, Undelivered } from '../message.ts';
import { checkAttachments } from './attachments.ts';
import { rejection } from './rejection.ts';
import { ohSubject } from './subject.ts';
import { xhtmlDocument } from './xhtml-document.ts';

/**
 * Translates a send for OH, or says why it can't be: the codes of `ohSubject`, `xhtmlDocument` and
 * `checkAttachments`, and `translate:empty-body` when there are neither words nor files. The
 * category is dropped, OH has none.
 */
export function toOh(send: Send, ohPatientId: string): ToOh | Undelivered {
  const subject = ohSubject(send.subject);
  if (typeof subject !== 'string') return subject;
  const attachments = checkAttachments(send.attachments ?? []);
  if (!Array.isArray(attachments)) return attachments;
  if (send.body.trim() === '' && attachments.length === 0) {
    return rejection('empty-body', 'The message has neither text nor attachments.');
  }
  const xhtml = xhtmlDocument(send.body);
  if (typeof xhtml !== 'string') return xhtml;
  const { inReplyToOhMessageId: previousMessageId, mhvMessageId } = send;
  return {
    direction: 'mhv-to-oh',
    icn: send.icn,
    ohPatientId,
    receivingPoolId: send.receivingPoolId,
    subject,
    xhtml,
    ...(previousMessageId === undefined ? {} : { previousMessageId }),
    ...(mhvMessageId === undefined ? {} : { mhvMessageId }),
    attachments,
  };
}
