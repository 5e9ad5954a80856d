/** What a process holds after a forced collection. */
export interface Reading {
  readonly rssBytes: number;
  readonly heapBytes: number;
  readonly externalBytes: number;
  readonly bufferBytes: number;
  /** Open descriptors; -1 where that cannot be read. */
  readonly fds: number;
  /** Active handles and timers that keep the process alive, by type. */
  readonly resources: Readonly<Record<string, number>>;
}
