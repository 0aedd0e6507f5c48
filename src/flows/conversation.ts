/** Which conversation an OH message belongs to: the references that let MHV thread. */
import type { Entry, Instant, OhMessage } from '../message.ts';
import type { OhMessaging } from '../oh/messaging.ts';
import type { Store } from '../store/store.ts';
import type { CallContext } from '../upstream.ts';

interface ConversationOptions {
  store: Store;
  messaging: OhMessaging;
}

/** How far back the messages that a reply refers to are looked for. */
const CONVERSATION_WINDOW_MS = 365 * 24 * 60 * 60 * 1000;

/** The messages before a message, as far as they are known. */
interface Conversation {
  /** OH message id of the message replied to. */
  parentId?: string;
  /** OH message id of the first message of the conversation. */
  rootId?: string;
  /** The pool that a message of the conversation names, the latest first. */
  poolId?: string;
}

/**
 * The message names earlier ones by their `referenceId`; MHV knows message ids. Links remember the
 * pairs; one that is missing is looked for in the patient's boxes and then remembered.
 */
export async function conversationOf(
  options: ConversationOptions,
  message: OhMessage,
  entry: Entry,
  context: CallContext,
): Promise<Conversation> {
  const references = message.referenceIds;
  let links = await options.store.linksOfReferences(references);
  if (links.length < references.length) {
    await learnFromBoxes(options, message, references, context);
    links = await options.store.linksOfReferences(references);
  }
  const chain = references
    .map((reference) => links.find(({ ohReferenceId }) => ohReferenceId === reference))
    .filter((link) => link !== undefined);
  const parentId = chain.at(-1)?.ohMessageId ?? entry.inReplyToOhMessageId;
  const rootId = chain[0]?.ohMessageId ?? parentId;
  const poolId = chain.findLast((link) => link.ohPoolId !== undefined)?.ohPoolId;
  return {
    ...(parentId ? { parentId } : {}),
    ...(rootId ? { rootId } : {}),
    ...(poolId ? { poolId } : {}),
  };
}

async function learnFromBoxes(
  { store, messaging }: ConversationOptions,
  { patientId, createdAt }: OhMessage,
  references: string[],
  context: CallContext,
): Promise<void> {
  const until: Instant = createdAt + 1000;
  const since = until - CONVERSATION_WINDOW_MS;
  const boxes = await Promise.all(
    (['outbox', 'inbox'] as const).map((box) =>
      messaging.listMessages({ patientId, box, since, until }, context),
    ),
  );
  const wanted = new Set(references);
  const found = boxes.flat().filter(({ referenceId }) => referenceId && wanted.has(referenceId));
  await store.learn(
    found.map((listed) => {
      const { id, referenceId } = listed;
      const poolId = poolOf(listed);
      return {
        ohMessageId: id,
        ...(referenceId ? { ohReferenceId: referenceId } : {}),
        ...(poolId ? { ohPoolId: poolId } : {}),
      };
    }),
  );
}

/** The pool that a message names itself, as its sender or else as a receiver. */
export function poolOf({
  sender,
  receivers,
}: Pick<OhMessage, 'sender' | 'receivers'>): string | undefined {
  return [sender, ...receivers].find((party) => party?.type === 'POOL')?.id;
}
