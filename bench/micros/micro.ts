/** One pure function under the micro-benchmark. */
export interface Micro {
  /** `area/what size`, for example `jsonrpc/parse call 150 B`; `--only` selects by any part of it. */
  readonly name: string;
  /** Calls the function once on a prepared input. What it returns is kept, so that the work cannot be optimised away. */
  run(): unknown;
}
