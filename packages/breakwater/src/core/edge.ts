import type { JsonObject } from '../protocol/capabilities.ts';
import type { ParamHeader } from '../protocol/modern/param-headers.ts';
import type { Subscriber } from './subscription.ts';
import type { ToolBriefs } from './tool-brief.ts';

/** What a route says of itself in `initialize` and `server/discover`. */
export interface RouteFacts {
  /** `serverInfo` as JSON bytes. */
  readonly info: Buffer;
  /** Union of the upstreams' capabilities, already in the form of the subscriber's revision: write it out as it is. */
  readonly capabilities: JsonObject;
  readonly instructions: string | undefined;
}

/** Answers what needs no exchange with a server. */
export interface EdgeFacts {
  /** Describes the route to this client; opens an upstream only on first contact. Rejects with `upstream.*` when no upstream can be described. */
  describe(subscriber: Subscriber): Promise<RouteFacts>;
  /** The first `most` tools of the route as this client would find them listed, and how many there are. Rejects with `upstream.*` when no upstream has a list. */
  tools(subscriber: Subscriber, most: number): Promise<ToolBriefs>;
  /**
   * One object for each list of the route as this client would find it: the same one until that list changes. Undefined where lists are read anew for each
   * caller. Rejects with `upstream.*` when no upstream has a list.
   */
  lists(subscriber: Subscriber): Promise<readonly object[] | undefined>;
  /** What a tool, under its public name, mirrors into `Mcp-Param-*`, as far as it is known: a call waits for that hardly ever, and never long. */
  paramHeaders(subscriber: Subscriber, tool: string): Promise<readonly ParamHeader[]> | readonly ParamHeader[];
}
