import { encodeJson, memberValue, scanObject } from '../jsonrpc/raw.ts';
import type { CapabilityProfile, JsonObject } from '../protocol/capabilities.ts';

const TITLE_CHARS = 120;

/** A profile as declared client capabilities, in the words of 2025-11-25. */
export function profileCapabilities(profile: CapabilityProfile): JsonObject {
  const elicitation = { ...(profile.elicitForm && { form: {} }), ...(profile.elicitUrl && { url: {} }) };
  const sampling = { ...(profile.samplingTools && { tools: {} }), ...(profile.samplingContext && { context: {} }) };
  return {
    ...((profile.elicitForm || profile.elicitUrl) && { elicitation }),
    ...(profile.sampling && { sampling }),
    ...(profile.roots && { roots: {} }),
  };
}

/** The `clientInfo` a legacy server gets: the gateway's own name, and the client's as its title, for people who read the server's log. */
export function gatewayInfo(version: string, client?: Buffer): Buffer {
  const object = client === undefined ? undefined : scanObject(client);
  const title = object === undefined ? undefined : (memberValue(object, 'title') ?? memberValue(object, 'name'));
  const isTitled = typeof title === 'string' && title !== '';
  return encodeJson({ name: 'breakwater', ...(isTitled && { title: title.slice(0, TITLE_CHARS) }), version });
}
