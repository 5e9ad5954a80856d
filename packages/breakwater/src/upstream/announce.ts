import { encodeJson, memberValue, scanObject } from '../jsonrpc/raw.ts';

const TITLE_CHARS = 120;

/** The `clientInfo` a legacy server gets: the gateway's own name, and the client's as its title, for people who read the server's log. */
export function gatewayInfo(version: string, client?: Buffer): Buffer {
  const object = client === undefined ? undefined : scanObject(client);
  const title = object === undefined ? undefined : (memberValue(object, 'title') ?? memberValue(object, 'name'));
  const isTitled = typeof title === 'string' && title !== '';
  return encodeJson({ name: 'breakwater', ...(isTitled && { title: title.slice(0, TITLE_CHARS) }), version });
}
