import { LATEST_LEGACY } from '../../protocol/revision.ts';
import { bearerOf } from '../bearer.ts';
import { initialize } from '../messages.ts';
import type { Persona } from '../persona.ts';
import { withstood } from '../siege.ts';

/** A token that was meant for somebody else. */
export const wrongAudience: Persona = {
  id: 'wrong-audience',
  title: 'A token for another audience',
  group: 'hostile',
  who: 'Presents the given token with another audience written into it (an opaque one reversed). Its signature no longer fits: who takes it checks nothing.',
  evidence: 'MCP 2025-06-18 authorization §Token Handling: servers MUST validate the audience; RFC 8707',
  fix: 'Verify signature, issuer and audience of every token; answer 401 with resource_metadata.',
  needsToken: true,
  script: async (wire) => {
    const open = await wire.post(initialize(LATEST_LEGACY), { withoutExtra: true });
    if (open.sessionId !== undefined) await wire.send({ method: 'DELETE', sid: open.sessionId, withoutExtra: true });
    if (open.status !== 401 && open.status !== 403)
      return wire.gotIn('The server is open: it asks for no token and checks none.', open);
    const given = await wire.post(initialize(LATEST_LEGACY));
    wire.remark(given.status !== 401, 'The given token itself was refused.');
    if (given.sessionId !== undefined) await wire.send({ method: 'DELETE', sid: given.sessionId });
    const forged = forge(bearerOf(wire.extra) ?? '');
    const answer = await wire.post(initialize(LATEST_LEGACY), { headers: [['Authorization', `Bearer ${forged}`]] });
    wire.need(answer, answer.status === 401 || answer.status === 403, 'a token for another audience is refused');
    return withstood(wire, answer, `The token was refused with ${answer.status}.`);
  },
};

function forge(token: string): string {
  const [head, payload, signature] = token.split('.');
  if (head === undefined || payload === undefined || signature === undefined) return [...token].reverse().join('');
  try {
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
    const other = JSON.stringify({ ...claims, aud: 'https://other.example/mcp' });
    return [head, Buffer.from(other).toString('base64url'), signature].join('.');
  } catch {
    return [...token].reverse().join(''); // Three parts, but no JWT.
  }
}
