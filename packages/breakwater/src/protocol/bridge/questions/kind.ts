import { memberValue, type RawObject } from '../../../jsonrpc/raw.ts';
import type { CapabilityProfile, JsonObject } from '../../capabilities.ts';
import type { Revision } from '../../revision.ts';

/** The questions a server has. `elicit-unknown` is an elicitation in a mode no revision defines. */
export type QuestionKind = 'elicit-form' | 'elicit-url' | 'elicit-unknown' | 'sampling' | 'roots';

/** The kind of a server's request, or undefined when it is no question to a client. */
export function questionKind(method: string, params: RawObject | undefined): QuestionKind | undefined {
  if (method === 'sampling/createMessage') return 'sampling';
  if (method === 'roots/list') return 'roots';
  if (method !== 'elicitation/create') return undefined;
  // A missing mode means form (2025-11-25 client/elicitation).
  const mode = params?.members.some(({ key }) => key === 'mode') ? memberValue(params, 'mode') : 'form';
  if (mode === 'form') return 'elicit-form';
  return mode === 'url' ? 'elicit-url' : 'elicit-unknown';
}

/** True when a client of `revision` with this profile can be asked this. */
export function canBeAsked(kind: QuestionKind, profile: CapabilityProfile, revision: Revision): boolean {
  switch (kind) {
    case 'elicit-form':
      return profile.elicitForm && revision >= '2025-06-18';
    case 'elicit-url':
      return profile.elicitUrl && revision >= '2025-11-25';
    case 'elicit-unknown':
      return false;
    case 'sampling':
      return profile.sampling;
    case 'roots':
      return profile.roots;
  }
}

/** The client capability that a question needs, as a server of the modern era would name it. */
export function requiredCapability(kind: QuestionKind): JsonObject {
  switch (kind) {
    case 'elicit-form':
    case 'elicit-unknown':
      return { elicitation: { form: {} } };
    case 'elicit-url':
      return { elicitation: { url: {} } };
    case 'sampling':
      return { sampling: {} };
    case 'roots':
      return { roots: {} };
  }
}
