import type { Arrival } from '../inbound.ts';
import type { Site } from './site.ts';

/** A document as it is sent. */
export interface Rendered {
  /** Media type. */
  readonly type: string;
  readonly body: string;
  /** `shared` may be kept by anybody for a while; `checked` is asked for again each time, because it shows what is so now. */
  readonly freshness: 'shared' | 'checked';
  /** Which form it has depends on the Accept header. */
  readonly negotiated?: true;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One discovery document and where it is found. */
export interface Document {
  readonly paths: readonly string[];
  /** Whose it is: inside somebody's own server only what belongs to a route is answered. */
  readonly owner: 'site' | 'route';
  /** Makes it for this client; undefined when there is nothing to say, which is answered as 404. */
  readonly render: (request: DocumentRequest) => Rendered | undefined | Promise<Rendered | undefined>;
}

/** What a document is made from. */
export interface DocumentRequest {
  readonly arrival: Arrival;
  readonly site: Site;
  readonly path: string;
}

/** A JSON document that may be kept. */
export function jsonDocument(value: unknown, type = 'application/json'): Rendered {
  return { type, body: `${JSON.stringify(value, null, 2)}\n`, freshness: 'shared' };
}

/** A text document that may be kept. */
export function textDocument(body: string, type = 'text/plain; charset=utf-8'): Rendered {
  return { type, body, freshness: 'shared' };
}
