import { editObject, encodeJson, memberObject, memberValue, type RawObject, scanObject } from '../jsonrpc/raw.ts';
import type { Catalogue } from './catalogue.ts';
import { GatewayError } from './errors.ts';
import { ownName } from './names.ts';
import type { Lease } from './ports.ts';
import type { Route, RouteMember } from './route.ts';
import type { ServerViews } from './server-view.ts';
import { declaresList, type SnapshotItem } from './snapshot.ts';
import type { Subscriber } from './subscription.ts';
import { matchesTemplate } from './uri-template.ts';

/** Where a request goes: the members to try in order, and the params in their own names. */
export interface Target {
  readonly members: readonly RouteMember[];
  readonly params: RawObject | undefined;
  /** The tool says that a repeated call does no harm. */
  readonly repeatable: boolean;
  /** The tool is known to run only as a task of 2025-11-25. */
  readonly taskOnly?: boolean;
  /** What the server is asked, where that is not what the client asks. */
  readonly method?: string;
  /** Brings the handle that the request must go to; without one any handle will do. */
  readonly pin?: () => Lease | undefined;
}

/** Decides which upstream of a route serves a request. */
export class Resolver {
  readonly #route: Route;
  readonly #catalogue: Catalogue;
  readonly #views: ServerViews;

  constructor(options: { route: Route; catalogue: Catalogue; views: ServerViews }) {
    this.#route = options.route;
    this.#catalogue = options.catalogue;
    this.#views = options.views;
  }

  /**
   * A promise only where a list has to be had for it. Throws or rejects with `params.invalid` for a name nobody serves and `method.unknown` for a
   * method that cannot be routed.
   */
  resolve(
    method: string,
    params: RawObject | undefined,
    name: string | undefined,
    subscriber: Subscriber,
  ): Target | Promise<Target> {
    if (method === 'tools/call' || method === 'prompts/get') {
      return this.#resolveName(method === 'tools/call' ? 'tools' : 'prompts', params, name, subscriber);
    }
    if (method === 'resources/read') {
      if (name === undefined) throw new GatewayError('params.invalid', { message: 'Missing required parameter: uri' });
      return this.#resolveResource(name, params, subscriber);
    }
    if (method === 'completion/complete') return this.#resolveCompletion(params, subscriber);
    const [only, ...others] = this.#route.members;
    if (only === undefined || others.length > 0) throw new GatewayError('method.unknown');
    return { members: [only], params, repeatable: false };
  }

  /** The members that may serve a resource, best first: who lists it, who has a template for it, who has resources at all. */
  async resourceMembers(uri: string, subscriber: Subscriber): Promise<readonly RouteMember[]> {
    if (this.#route.members.length === 1) return this.#route.members;
    const listed = (await this.#catalogue.list('resources', subscriber)).byName.get(uri);
    if (listed !== undefined) return [listed.member];
    const templates = await this.#catalogue.list('resourceTemplates', subscriber);
    const matching = new Set(
      templates.entries.filter((entry) => matchesTemplate(entry.item.name, uri)).map((entry) => entry.member),
    );
    for (const member of this.#route.members) {
      try {
        const { server } = await this.#views.get(member.upstream, subscriber.principal, member).facts();
        if (declaresList(server, 'resources')) matching.add(member);
      } catch {
        // An upstream that cannot be described cannot serve the resource either; the others may.
      }
    }
    if (matching.size === 0) throw new GatewayError('resource.unknown', { data: { uri } });
    return [...matching];
  }

  async #resolveResource(uri: string, params: RawObject | undefined, subscriber: Subscriber): Promise<Target> {
    return { members: await this.resourceMembers(uri, subscriber), params, repeatable: true };
  }

  #resolveName(
    kind: 'tools' | 'prompts',
    params: RawObject | undefined,
    name: string | undefined,
    subscriber: Subscriber,
  ): Target | Promise<Target> {
    if (params === undefined || name === undefined)
      throw new GatewayError('params.invalid', { message: 'Missing required parameter: name' });
    const [only, ...others] = this.#route.members;
    if (only === undefined) throw new GatewayError('upstream.unavailable');
    if (others.length === 0) {
      const own = ownName(only.prefix, name);
      // What the snapshot says of a tool is a help, not a condition: a call never waits for a list it does not need.
      const known = this.#catalogue.peek(kind, subscriber)?.byName.get(name);
      if (own !== undefined) return this.#aim(kind, only, params, name, own, known?.item);
    }
    return this.#findName(kind, params, name, subscriber);
  }

  async #findName(kind: 'tools' | 'prompts', params: RawObject, name: string, subscriber: Subscriber): Promise<Target> {
    const listed = (await this.#catalogue.list(kind, subscriber)).byName.get(name);
    if (listed !== undefined) return this.#aim(kind, listed.member, params, name, listed.item.name, listed.item);
    // Not in the snapshot: it may be new. The server has the last word (eras.md §2.3, "tool not in snapshot").
    for (const member of this.#route.members) {
      const own = member.prefix === '' ? undefined : ownName(member.prefix, name);
      if (own !== undefined) return this.#aim(kind, member, params, name, own, undefined);
    }
    throw new GatewayError('params.invalid', {
      message: kind === 'tools' ? 'Unknown tool.' : 'Unknown prompt.',
      data: { name },
    });
  }

  #aim(
    kind: 'tools' | 'prompts',
    member: RouteMember,
    params: RawObject,
    name: string,
    own: string,
    known: SnapshotItem | undefined,
  ): Target {
    if (kind === 'tools' && member.disabledTools.has(own)) {
      throw new GatewayError('params.invalid', { message: 'Unknown tool.', data: { name } });
    }
    const renamed = own === name ? params : scanObject(editObject(params, { name: encodeJson(own) }));
    const repeatable = known?.repeatable === true;
    return { members: [member], params: renamed, repeatable, taskOnly: known?.taskOnly === true };
  }

  async #resolveCompletion(params: RawObject | undefined, subscriber: Subscriber): Promise<Target> {
    const ref = params === undefined ? undefined : memberObject(params, 'ref');
    if (params === undefined || ref === undefined)
      throw new GatewayError('params.invalid', { message: 'Missing required parameter: ref' });
    const name = memberValue(ref, 'name');
    if (memberValue(ref, 'type') === 'ref/prompt' && typeof name === 'string') {
      const target = await this.#resolveName('prompts', ref, name, subscriber);
      if (target.params === ref || target.params === undefined)
        return { members: target.members, params, repeatable: true };
      const own = editObject(ref, { name: encodeJson(memberValue(target.params, 'name')) });
      return { members: target.members, params: scanObject(editObject(params, { ref: own })), repeatable: true };
    }
    const uri = memberValue(ref, 'uri');
    if (typeof uri !== 'string')
      throw new GatewayError('params.invalid', { message: 'ref must name a prompt or a resource.' });
    if (this.#route.members.length === 1) return { members: this.#route.members, params, repeatable: true };
    const template = (await this.#catalogue.list('resourceTemplates', subscriber)).byName.get(uri);
    const members = template === undefined ? await this.resourceMembers(uri, subscriber) : [template.member];
    return { members, params, repeatable: true };
  }
}
