import { randomInt } from 'node:crypto';
import type { NodeTags } from '../core/fleet.ts';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
const NODE_CHARS = 10;
// Nothing else that carries a dot looks like this: sealed strings begin with two characters, session ids with sixteen or more.
const TAGGED = /^([a-z0-9]{10})\./;
const NODE = /^[a-z0-9]{10}$/;

/** A name for this process: fresh at each start, because a node that starts again has nothing of what the former one had. */
export function freshNode(): string {
  let node = '';
  while (node.length < NODE_CHARS) node += ALPHABET[randomInt(ALPHABET.length)];
  return node;
}

/** True for what can be a node's name. */
export function isNode(text: string): boolean {
  return NODE.test(text);
}

/** The tags of a node: `<node>.<id>`. */
export function tagsOf(node: string): NodeTags {
  return {
    node,
    mint: (id) => `${node}.${id}`,
    elsewhere: (id) => {
      const maker = TAGGED.exec(id)?.[1];
      return maker === node ? undefined : maker;
    },
  };
}
