/** Header lines in the order in which they stood on the wire. */
export type HeaderLines = readonly (readonly [name: string, value: string])[];

/** How an answer ended: read to its end, left open by the client, or cut by the server or the network. */
export type Ending = 'complete' | 'left-open' | 'cut';

/** One request and what came of it, as it was on the wire. */
export interface Exchange {
  /** Counts from 1 within a visit. */
  readonly n: number;
  readonly request: {
    readonly method: string;
    readonly url: string;
    readonly headers: HeaderLines;
    readonly body?: string | undefined;
  };
  readonly response?:
    | { readonly status: number; readonly headers: HeaderLines; readonly body: string; readonly ending: Ending }
    | undefined;
  /** Why there is no response. */
  readonly failure?: string | undefined;
  /** From the first byte sent to the end of the answer. */
  readonly tookMs: number;
}

/** Bytes of a body that a report shows. */
const SHOWN_CHARS = 2_400;
const SECRET_HEADER = /^(authorization|proxy-authorization|cookie|set-cookie|x-api-key)$/i;
const SECRET_PARAMETER = /([?&](?:api_?key|token|access_token|key|secret)=)[^&\s"]+/gi;

/** Says what a report may show: secrets are hidden, session ids become `‹session 1›`, long bodies are cut. */
export class Redactor {
  readonly #secrets: readonly string[];
  readonly #sessions = new Map<string, string>();

  constructor(secrets: readonly string[]) {
    this.#secrets = secrets.filter((secret) => secret.length > 3);
  }

  /** Remembers an id to be shown under a number. */
  addSession(id: string): void {
    if (id.length > 7 && !this.#sessions.has(id)) this.#sessions.set(id, `‹session ${this.#sessions.size + 1}›`);
  }

  /** An exchange as it may be shown. */
  redact({ request, response, ...rest }: Exchange): Exchange {
    return {
      ...rest,
      ...(rest.failure !== undefined && { failure: this.text(rest.failure) }),
      request: {
        method: request.method,
        url: this.text(request.url),
        headers: this.#lines(request.headers),
        ...(request.body !== undefined && { body: shorten(this.text(request.body)) }),
      },
      ...(response && {
        response: { ...response, headers: this.#lines(response.headers), body: shorten(this.text(response.body)) },
      }),
    };
  }

  /** A text without secrets. */
  text(text: string): string {
    let shown = text.replaceAll(SECRET_PARAMETER, '$1[redacted]');
    for (const secret of this.#secrets) shown = shown.replaceAll(secret, '[redacted]');
    for (const [id, name] of this.#sessions) shown = shown.replaceAll(id, name);
    return shown;
  }

  #lines(lines: HeaderLines): HeaderLines {
    return lines.map(([name, value]) => [
      name,
      SECRET_HEADER.test(name) ? '[redacted]' : shorten(this.text(value), 400),
    ]);
  }
}

function shorten(text: string, most = SHOWN_CHARS): string {
  const rest = text.length - most;
  return rest <= 0 ? text : `${text.slice(0, most)}… (${rest} more characters)`;
}
