/** What the discovery documents are told by configuration. */
export interface DiscoveryOptions {
  readonly enabled: boolean;
  /** Name of this installation for people; the name of the server behind it when absent. */
  readonly title?: string | undefined;
  /** One sentence on what is offered here. */
  readonly description?: string | undefined;
  /**
   * What the protected-resource metadata of an open route says: `none` is 404, `declare` says that no bearer token is used, `declare-empty` is the form
   * of AIP-1 §9.1 with empty lists.
   */
  readonly openResource: OpenResource;
  /** Which documents are answered inside somebody's own server: those that belong to a route, or none. */
  readonly mounted: 'none' | 'routes';
  /** The gateway's own version. */
  readonly version: string;
}

/** See {@link DiscoveryOptions.openResource}. */
export type OpenResource = 'none' | 'declare' | 'declare-empty';

/** What AIP-1 wants a server of an agent bounty board to say of itself and the gateway cannot know. */
export interface OabpProfile {
  /** `mailto:` or `https:` address of who runs it. */
  readonly contact: string;
  readonly chain: string;
  /** Paths of the board's own REST surface, by the names of AIP-1 §9. */
  readonly endpoints: Readonly<Record<string, string>>;
}

/** What a route asks of its callers, as documents and pages say it. */
export type RouteAuth =
  | { readonly kind: 'open' }
  | {
      readonly kind: 'protected';
      /** Issuers whose tokens the route takes; at least one. */
      readonly authorizationServers: readonly string[];
      /** The smallest set of scopes that is of use. */
      readonly scopes: readonly string[];
    };

/** A route that asks nothing. */
export const OPEN: RouteAuth = { kind: 'open' };
