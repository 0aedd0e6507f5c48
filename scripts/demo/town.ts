/** The demo's surroundings as its story needs them: the exchange's API and the mocks' control doors. */

export interface Town {
  exchange: string;
  mhv: string;
  messaging: string;
  fhir: string;
  feed: string;
}

/** What the MHV mock lists of a stored message. */
export interface MhvStored {
  id: number;
  threadId: number;
  icn: string;
  ohMessageId: string | null;
  subject: string;
  body: string;
  inReplyToOhMessageId: string | null;
  triageGroup: { name: string };
  repeats: number;
  attachments: { name: string; size: number; sha256: string }[];
}

/** What the OH mock lists of a sent message. */
export interface OhStored {
  ohMessageId: string;
  patientId: string;
  subject: string;
  text: string;
  previousMessageId?: string;
  attachments?: { name: string }[];
}

export interface Patient {
  icn: string;
  ohPatientId: string;
}

/** GETs JSON; throws on any status but 2xx. */
export async function get<T>(url: string): Promise<T> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`GET ${url} answered ${response.status}`);
  return (await response.json()) as T;
}

/** POSTs JSON, unless told another method, and returns status and JSON answer, whatever the status. */
export async function post<T>(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
  method: 'POST' | 'PUT' = 'POST',
): Promise<{ status: number; body: T }> {
  const response = await fetch(url, {
    method,
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as T };
}

/** The origins of everything, from what the processes printed. */
export function townOf(mocks: Record<string, string>, exchange: string): Town {
  const origin = (name: string) => new URL(mocks[name] ?? '').origin;
  return {
    exchange,
    mhv: origin('MHV_BASE_URL'),
    messaging: origin('OH_MESSAGING_BASE_URL'),
    fhir: origin('OH_FHIR_BASE_URL'),
    feed: origin('FEED_MOCK_URL'),
  };
}
