/** Files in MHV: parts of a form, objects that were PUT before, and fetching them. */
import { randomUUID } from 'node:crypto';
import { Type } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';
import {
  type Answer,
  empty,
  header,
  json,
  type MockRequest,
  parseJson,
  plain,
  Refusal,
} from './answer.ts';
import { refuseField, refuseMhv } from './mhv-errors.ts';
import { checkAppToken, icnOfSession } from './mhv-session.ts';
import type { MhvFile } from './mhv-state.ts';
import type { World } from './world.ts';

const MB = 1024 * 1024;
const standard = { files: 4, fileBytes: 6 * MB, bytes: 10 * MB };
const large = { files: 10, fileBytes: 25 * MB, bytes: 25 * MB };
const URL_SECONDS = 600;
const KNOWN_EXTENSIONS = new Set(
  'pdf doc docx gif jpg jpeg png bmp tiff txt rtf xls xlsx csv ppt pptx mp3 mp4 mov'.split(' '),
);

type NewFile = Omit<MhvFile, 'id'>;

const lgCheck = TypeCompiler.Compile(
  Type.Array(
    Type.Object({
      attachmentName: Type.String(),
      mimeType: Type.String({ minLength: 1 }),
      size: Type.Integer({ minimum: 0 }),
      lgAttachmentId: Type.String({ minLength: 1 }),
    }),
    { maxItems: large.files },
  ),
);

/** The parts of an attach request: `message`, then `uploads[]` or one `lgAttachments[]`. Throws 415. */
export async function readForm(
  world: World,
  request: MockRequest,
): Promise<{ message: unknown; files: NewFile[] }> {
  const contentType = header(request, 'content-type') ?? '';
  if (!/^multipart\/form-data\s*;/i.test(contentType)) throw new Refusal(empty(415));
  const headers = { 'content-type': contentType };
  const form = await new Response(new Uint8Array(request.body), { headers })
    .formData()
    .catch(() => refuseField('multipart'));
  const message = await textOf(form.get('message'));
  const list = form.get('lgAttachments[]');
  const uploads = await uploadedFiles(form.getAll('uploads[]'));
  if (list !== null && uploads.length > 0) refuseField('lgAttachments[]');
  const files = list === null ? uploads : objectsOf(world, parseJson(await textOf(list)));
  return { message: parseJson(message), files };
}

async function textOf(part: string | File | null): Promise<string> {
  if (part === null) return '';
  return typeof part === 'string' ? part : part.text();
}

async function uploadedFiles(parts: (string | File)[]): Promise<NewFile[]> {
  const files: NewFile[] = [];
  for (const part of parts) {
    if (typeof part === 'string') refuseMhv(123);
    const bytes = new Uint8Array(await part.arrayBuffer());
    files.push({ name: part.name, mimeType: part.type, bytes });
  }
  checkFiles(files, standard);
  return files;
}

function objectsOf(world: World, list: unknown): NewFile[] {
  if (!lgCheck.Check(list)) refuseField('lgAttachments[]');
  const files = list.map((item) =>
    objectFile(world, item.lgAttachmentId, item.attachmentName, item.mimeType, item.size),
  );
  checkFiles(files, large);
  return files;
}

/** A file that was PUT before; throws 113 when it was not, or has another size. */
export function objectFile(
  world: World,
  lgAttachmentId: string,
  name: string,
  mimeType: string,
  size: number | undefined,
): NewFile {
  const bytes = world.mhv.objects.get(lgAttachmentId)?.bytes;
  if (bytes === undefined) refuseMhv(113, { developerMessage: 'object.not.found' });
  if (size !== undefined && size !== bytes.byteLength) {
    refuseMhv(113, { developerMessage: 'object.size' });
  }
  return { name, mimeType, bytes, lgAttachmentId };
}

/** Throws 123 without a name, 122 for an unknown type and 124 for too many or too large files. */
export function checkFiles(files: readonly NewFile[], limits = large): void {
  let bytes = 0;
  for (const file of files) {
    if (file.name.trim() === '') refuseMhv(123);
    if (!KNOWN_EXTENSIONS.has(file.name.split('.').at(-1)?.toLowerCase() ?? '')) refuseMhv(122);
    if (file.bytes.byteLength > limits.fileBytes) refuseMhv(124);
    bytes += file.bytes.byteLength;
  }
  if (files.length > limits.files || bytes > limits.bytes) refuseMhv(124);
}

/**
 * GET attachment/presigned-url: a JSON string. ASSUMPTION: the application token without a session is
 * let in too, because an exchange has no patient session when it carries a clinician's file.
 */
export function presign(world: World, request: MockRequest): Answer {
  if (header(request, 'token') === undefined && header(request, 'apptoken') !== undefined) {
    checkAppToken(request);
  } else icnOfSession(world, request);
  const name = request.query.get('attachmentName') ?? '';
  const extension = request.query.get('fileExtension') ?? '';
  if (name.trim() === '') refuseMhv(123);
  if (!KNOWN_EXTENSIONS.has(extension.toLowerCase())) refuseMhv(122);
  const safe = name.replaceAll(/[^\w-]/g, '_').slice(0, 100);
  const id = `${safe}-${randomUUID().slice(0, 8)}.${extension}`;
  const signature = randomUUID().replaceAll('-', '');
  world.mhv.objects.set(id, { signature, expiresAt: world.now() + URL_SECONDS * 1000 });
  return json(200, objectUrl(world, id, signature));
}

function objectUrl(world: World, id: string, signature: string): string {
  return `${world.origins.mhv}/objects/${id}?X-Amz-Expires=${URL_SECONDS}&X-Amz-Signature=${signature}`;
}

/** PUT to the object store, which answers as such stores do. */
export function putObject(world: World, request: MockRequest): Answer {
  const object = signedObject(world, request);
  const mimeType = header(request, 'content-type');
  if (mimeType === undefined) throw new Refusal(plain(400, 'Content-Type is missing'));
  if (request.body.byteLength > large.fileBytes) throw new Refusal(plain(400, 'EntityTooLarge'));
  Object.assign(object, { bytes: request.body, mimeType });
  return empty(200, { etag: `"${object.signature}"` });
}

/** GET from the object store. */
export function getObject(world: World, request: MockRequest): Answer {
  const { bytes, mimeType } = signedObject(world, request);
  if (bytes === undefined) throw new Refusal(empty(404));
  const headers = { 'content-type': mimeType ?? 'application/octet-stream' };
  return { status: 200, headers, body: bytes };
}

function signedObject(world: World, request: MockRequest) {
  const object = world.mhv.objects.get(request.segment('id'));
  const signature = request.query.get('X-Amz-Signature');
  if (object === undefined || object.signature !== signature || object.expiresAt <= world.now()) {
    const body = '<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>';
    throw new Refusal({ status: 403, headers: { 'content-type': 'application/xml' }, body });
  }
  return object;
}

/** GET of an attachment: bytes, or JSON that names an object's URL. */
export function getAttachment(world: World, request: MockRequest): Answer {
  const icn = icnOfSession(world, request);
  const message = world.mhv.messages.get(Number(request.segment('id'))) ?? refuseMhv(115);
  if (message.icn !== icn) refuseMhv(112);
  const id = Number(request.segment('attachmentId'));
  const file = message.files.find((one) => one.id === id) ?? refuseMhv(115);
  const { name, mimeType, bytes, lgAttachmentId } = file;
  const object = lgAttachmentId === undefined ? undefined : world.mhv.objects.get(lgAttachmentId);
  if (object !== undefined && lgAttachmentId !== undefined) {
    object.expiresAt = world.now() + URL_SECONDS * 1000;
    return json(200, { url: objectUrl(world, lgAttachmentId, object.signature), mimeType, name });
  }
  const disposition = `attachment; filename="${name.replaceAll(/[^\u0020-\u007E]|["\\]/g, '_')}"`;
  const headers = {
    'content-type': 'application/octet-stream',
    'content-disposition': disposition,
  };
  return { status: 200, headers, body: bytes };
}
