/** One HTTP answer found in raw bytes. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  /** The body is all there; false for a stream that goes on. */
  readonly complete: boolean;
}

const HEAD_END = '\r\n\r\n';

/** Splits what a server sent on one connection; throws where it is no HTTP. `headless`: the answers to HEAD have no bodies. */
export function parseAnswers(bytes: Buffer, headless: boolean): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let text = bytes.toString('latin1');
  while (text !== '') {
    const end = text.indexOf(HEAD_END);
    if (end < 0) throw new Error(`no HTTP head: ${JSON.stringify(text.slice(0, 200))}`);
    const [line = '', ...fields] = text.slice(0, end).split('\r\n');
    const status = /^HTTP\/1\.[01] (\d{3})/.exec(line)?.[1];
    if (status === undefined) throw new Error(`no status line: ${JSON.stringify(line.slice(0, 200))}`);
    const headers = new Map(fields.map((field) => splitField(field)));
    text = text.slice(end + HEAD_END.length);
    const { body, rest, complete } =
      Number(status) < 200 ? { body: '', rest: text, complete: true } : takeBody(text, headers, headless);
    text = rest;
    answers.push({ status: Number(status), headers, body: Buffer.from(body, 'latin1').toString(), complete });
  }
  return answers;
}

function splitField(field: string): [string, string] {
  const colon = field.indexOf(':');
  return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
}

function takeBody(
  text: string,
  headers: ReadonlyMap<string, string>,
  headless: boolean,
): { readonly body: string; readonly rest: string; readonly complete: boolean } {
  // What the parser refuses is answered with a body even then: nobody knows yet that it is a HEAD.
  if (headless) return { body: '', rest: '', complete: true };
  const length = headers.get('content-length');
  if (length !== undefined) {
    const size = Number(length);
    return { body: text.slice(0, size), rest: text.slice(size), complete: text.length >= size };
  }
  if (headers.get('transfer-encoding') !== 'chunked')
    return { body: text, rest: '', complete: headers.get('connection') === 'close' };
  let body = '';
  let rest = text;
  for (;;) {
    const end = rest.indexOf('\r\n');
    const size = Number.parseInt(rest.slice(0, Math.max(0, end)), 16);
    if (end < 0 || Number.isNaN(size)) return { body, rest: '', complete: false };
    const from = end + 2;
    if (size === 0) return { body, rest: rest.slice(from + 2), complete: true };
    body += rest.slice(from, from + size);
    rest = rest.slice(from + size + 2);
  }
}
