import { XMLParser } from 'fast-xml-parser';
import { z } from 'zod';
import { parseJson } from '../json.ts';
import type { UpstreamResponse } from '../upstream.ts';

/** What can be learned from the body of a refusal. */
export interface ErrorBody {
  /** False when the body is empty, HTML or broken: then it says nothing of what happened. */
  readable: boolean;
  errorCode?: number;
  /** Whether the developer message names the message as not found. */
  messageNotFound: boolean;
}

const MAX_XML_LENGTH = 65_536;
const UNREADABLE: ErrorBody = { readable: false, messageNotFound: false };

const parser = new XMLParser({ processEntities: false, ignoreAttributes: true });

const errorSchema = z.object({
  errorCode: z
    .union([
      z.int(),
      z
        .string()
        .regex(/^\d{1,6}$/)
        .transform(Number),
    ])
    .optional()
    .catch(undefined),
  developerMessage: z.string().catch(''),
});

/**
 * Reads the body of an answer that is not a success. MHV may answer in XML or HTML, or with nothing,
 * though JSON was asked for, so the first character decides.
 */
export function readErrorBody(response: UpstreamResponse): ErrorBody {
  const text = response.text().trim();
  const body = errorSchema.safeParse(text.startsWith('<') ? errorElement(text) : parseJson(text));
  if (!body.success) return UNREADABLE;
  const { errorCode, developerMessage } = body.data;
  return {
    readable: true,
    messageNotFound: developerMessage.includes('message.not.found'),
    ...(errorCode === undefined ? {} : { errorCode }),
  };
}

/** The children of a root element `Error`; undefined for any other document. */
function errorElement(text: string): unknown {
  if (text.length > MAX_XML_LENGTH || /<!DOCTYPE/i.test(text)) return undefined;
  try {
    const document: unknown = parser.parse(text, true);
    return z.object({ Error: z.unknown() }).parse(document).Error;
  } catch {
    return undefined;
  }
}
