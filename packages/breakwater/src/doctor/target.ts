import { isIPv4 } from 'node:net';

/** The server under examination. */
export class Target {
  readonly url: URL;
  /** The endpoint's path, without a slash at its end. */
  readonly path: string;

  constructor(url: URL) {
    this.url = url;
    this.path = url.pathname.replace(/\/+$/, '');
  }

  /** On this machine or in a private network: no browser but a local one can reach it, so DNS rebinding is the way in. */
  get isPrivate(): boolean {
    return (
      isLoopbackHost(this.url.hostname) ||
      /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|\[f[cd])/.test(this.url.hostname)
    );
  }

  /** A path (with query) on the server's origin. */
  at(path: string): URL {
    return new URL(`${this.url.origin}${path}`);
  }

  /** Whether a URL that the server names means the endpoint under examination. A public URL may differ in host and prefix. */
  isEndpoint(named: string): boolean {
    const url = URL.parse(named, this.url.href);
    return url !== null && /^https?:$/.test(url.protocol) && url.pathname.replace(/\/+$/, '').endsWith(this.path);
  }
}

/** Whether a host name of a URL means this machine. */
export function isLoopbackHost(hostname: string): boolean {
  const name = hostname.toLowerCase();
  return (
    name === 'localhost' || name.endsWith('.localhost') || name === '[::1]' || (isIPv4(name) && name.startsWith('127.'))
  );
}
