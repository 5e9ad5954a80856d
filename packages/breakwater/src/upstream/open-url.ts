import { createHttpOpener, type HttpOpenDeps } from './http-open.ts';
import { duplexOpener } from './open-duplex.ts';
import type { HandleOpener, OpenedHandle } from './opener.ts';
import type { HttpUpstreamOptions, UpstreamLog } from './options.ts';
import { openSseChannel } from './sse-channel.ts';

/** Opens handles on one server that has a URL, whichever transport it speaks. */
export interface UrlOpening {
  readonly open: HandleOpener;
  /** What the handle that was opened last runs over. */
  transport(): 'duplex' | 'http';
  /** Releases what handles leave behind for the next one. */
  close(): Promise<void>;
}

/** Makes the opening of one server that has a URL. */
export function openUrl(config: HttpUpstreamOptions, deps: HttpOpenDeps & { readonly log: UpstreamLog }): UrlOpening {
  const { clock } = deps;
  // The transport of 2024 never had another era.
  const openSse = duplexOpener({
    ...deps,
    ...config,
    upstream: config.name,
    era: 'legacy',
    connect: (signal) => openSseChannel({ ...config, clock, signal }),
  });
  if (config.transport === 'sse') return { open: openSse, transport: () => 'duplex', close: async () => undefined };
  const overSse = new WeakSet<OpenedHandle>();
  const http = createHttpOpener(config, {
    ...deps,
    openSse: async (need) => {
      const handle = await openSse(need);
      overSse.add(handle);
      return handle;
    },
  });
  let isSse = false;
  return {
    open: async (need) => {
      const handle = await http.open(need);
      isSse = overSse.has(handle);
      return handle;
    },
    transport: () => (isSse ? 'duplex' : 'http'),
    close: () => http.close(),
  };
}
