import * as z from 'zod';

/** Version of the record's form; a new number when a reader would have to change. */
export const RECORD_VERSION = 1;
/** Longest line that is read: what a recorder writes stays far below. */
export const MOST_LINE_CHARS = 16 * 1_048_576;

const Ms = z.number().nonnegative().meta({ description: 'Milliseconds.' });
const Bytes = z.int().nonnegative();
const HeaderLines = z
  .array(z.tuple([z.string().regex(/^[\w!#$%&'*+.^`|~-]{1,256}$/), z.string().regex(/^[^\x00-\x08\x0a-\x1f\x7f]*$/)]))
  .max(500)
  .meta({ description: 'Header lines in their order. Hidden values are placeholders.' });

const StreamEvent = z.strictObject({
  atMs: Ms.meta({ description: 'Since the request.' }),
  event: z.string(),
  id: z.string().optional().meta({ description: 'Pseudonym of the event id.' }),
  json: z.unknown().optional().meta({ description: 'The data, when it is JSON.' }),
  text: z.string().optional().meta({ description: 'What stands for data that is no JSON.' }),
});

const Body = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('empty') }),
  z.strictObject({ kind: z.literal('json'), bytes: Bytes, value: z.unknown() }),
  z.strictObject({
    kind: z.literal('events'),
    bytes: Bytes,
    events: z.array(StreamEvent),
    lost: z.int().nonnegative().meta({ description: 'Events that were too large or too many to be recorded.' }),
  }),
  z.strictObject({
    kind: z.literal('hidden'),
    bytes: Bytes,
    why: z.enum(['not-json', 'encoded', 'too-large', 'busy', 'cut']),
  }),
]);

/** One line of a recording: one HTTP exchange, without anything that belongs to somebody. */
export const RecordSchema = z.strictObject({
  v: z.literal(RECORD_VERSION),
  n: z.int().positive().meta({ description: 'Order of arrival. Lines stand in the order in which exchanges ended.' }),
  client: z
    .string()
    .regex(/^[\w-]{1,64}$/)
    .meta({ description: 'Pseudonym of address and User-Agent.' }),
  atMs: Ms.meta({ description: 'Since the recording began.' }),
  tookMs: Ms,
  values: z.enum(['hidden', 'kept']),
  request: z.strictObject({
    method: z.string().regex(/^[A-Z]{1,20}$/),
    path: z.string().regex(/^\/(?!\/)(?:[^\s?#\\‹›]|‹[a-z]+ [\w-]+›)*$/),
    query: z.array(z.tuple([z.string(), z.string()])),
    headers: HeaderLines,
    body: Body,
  }),
  response: z
    .strictObject({
      atMs: Ms.meta({ description: 'Since the request.' }),
      status: z.int().min(100).max(599),
      headers: HeaderLines,
      body: Body,
    })
    .optional(),
  end: z.enum(['complete', 'client-left', 'server-left', 'no-answer', 'recorder-stopped']),
});

/** One recorded exchange. */
export type RecordedExchange = z.infer<typeof RecordSchema>;
/** A recorded body. */
export type RecordedBody = z.infer<typeof Body>;
/** One recorded server-sent event. */
export type RecordedEvent = z.infer<typeof StreamEvent>;

/** A line, or what is wrong with it. */
export type ReadLine =
  | { readonly ok: true; readonly exchange: RecordedExchange }
  | { readonly ok: false; readonly why: string };

/** Reads one line of a recording. Never throws: a recording may be anybody's. */
export function readRecordLine(line: string): ReadLine {
  if (line.length > MOST_LINE_CHARS) return { ok: false, why: `is longer than ${MOST_LINE_CHARS} characters` };
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { ok: false, why: 'is not JSON' };
  }
  const version = typeof value === 'object' && value !== null && 'v' in value ? value.v : undefined;
  if (typeof version === 'number' && version !== RECORD_VERSION)
    return { ok: false, why: `has version ${version}; this program reads ${RECORD_VERSION}` };
  const parsed = RecordSchema.safeParse(value);
  if (parsed.success) return { ok: true, exchange: parsed.data };
  const [issue] = parsed.error.issues;
  return { ok: false, why: `is no record: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim() };
}

/** A record as a line: printable ASCII and the marks of placeholders, so that no text in it can end the line or speak to a terminal. */
export function writeRecordLine(record: RecordedExchange): string {
  const line = JSON.stringify(record).replace(
    /[^\x20-\x7e‹›]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `${line}\n`;
}
