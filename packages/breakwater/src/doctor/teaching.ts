import { isObject } from '../protocol/capabilities.ts';
import type { Answer } from './answer.ts';
import type { Target } from './target.ts';

/** What a client notices of an answer. */
export interface Reader {
  readonly ignoresHeaders?: true | undefined;
  /** It knows the error -32022 and its `data.supported`. */
  readonly readsRevisions?: true | undefined;
}

/**
 * What a refusal teaches, or undefined when a program learns nothing from it. A refusal teaches when its status is 4xx or 5xx, its body
 * is JSON and says so, and a member (not prose) names what to send instead: the endpoint, a recipe to copy, or the revisions that are
 * served (to a client that knows that error). To a client that reads headers a 401 also teaches by naming its resource metadata.
 */
export function lessonOf(answer: Answer, target: Target, reader: Reader): string | undefined {
  if (answer.status < 400) return undefined;
  if (!reader.ignoresHeaders && answer.status === 401) {
    const challenge = answer.header('www-authenticate') ?? '';
    if (/resource_metadata=/i.test(challenge)) return 'where to get a token (WWW-Authenticate: resource_metadata)';
  }
  const { json } = answer;
  if (!answer.isJson || json === undefined) return undefined;
  const data = answer.error?.data ?? {};
  for (const members of [json, data]) {
    for (const name of ['canonical_endpoint', 'canonical_mcp_endpoint']) {
      const named = members[name];
      if (typeof named === 'string' && target.isEndpoint(named)) return `the endpoint (${name})`;
    }
    if (isObject(members['recipe']) || isUrl(members['recipeUrl'])) return 'a request to copy (recipe)';
  }
  const { supported } = data;
  if (reader.readsRevisions && Array.isArray(supported) && supported.length > 0)
    return `the revisions served (${supported.join(', ')})`;
  return undefined;
}

function isUrl(value: unknown): boolean {
  return typeof value === 'string' && URL.canParse(value);
}
