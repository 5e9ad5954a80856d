import { bigLoad } from './big.ts';
import { callLoad, callProgressLoad, callRoamingLoad, callSseLoad, callStdioLoad, callToModernLoad } from './call.ts';
import { callModernLoad, callModernProgressLoad, callModernSseLoad, callToLegacyLoad } from './call-modern.ts';
import { fieldMixLoad, fieldMixStdioLoad } from './field-mix.ts';
import { listLoad } from './list.ts';
import type { Load } from './load.ts';

/** Every load, in the order of the report. To add one: a file beside this one, and a line here. */
export const LOADS: readonly Load[] = [
  callLoad,
  callRoamingLoad,
  callModernLoad,
  callSseLoad,
  callModernSseLoad,
  callProgressLoad,
  callModernProgressLoad,
  callToModernLoad,
  callToLegacyLoad,
  listLoad,
  fieldMixLoad,
  bigLoad,
  callStdioLoad,
  fieldMixStdioLoad,
];

/** Returns the load of this name; throws a TypeError that lists the names. */
export function findLoad(name: string): Load {
  const load = LOADS.find((each) => each.name === name);
  if (load) return load;
  throw new TypeError(`no load "${name}"; there are: ${LOADS.map((each) => each.name).join(', ')}`);
}
