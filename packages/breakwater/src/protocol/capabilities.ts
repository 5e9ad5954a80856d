/** A JSON object whose members nobody vouches for. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** True for a JSON object (not null, not an array). */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Which questions a client can be asked: the part of its capabilities an upstream handle is opened with (eras.md §2.4, "profile"). */
export interface CapabilityProfile {
  readonly elicitForm: boolean;
  readonly elicitUrl: boolean;
  readonly sampling: boolean;
  readonly samplingTools: boolean;
  readonly samplingContext: boolean;
  readonly roots: boolean;
}

/** True for a client that can be asked anything at all. */
export function canBeAsked(profile: CapabilityProfile): boolean {
  const { elicitForm, elicitUrl, sampling, samplingTools, samplingContext, roots } = profile;
  return elicitForm || elicitUrl || sampling || samplingTools || samplingContext || roots;
}

/** The profile that can be asked nothing. */
export const NO_QUESTIONS: CapabilityProfile = {
  elicitForm: false,
  elicitUrl: false,
  sampling: false,
  samplingTools: false,
  samplingContext: false,
  roots: false,
};

/** Reads the profile out of declared client capabilities. `elicitation: {}` means form (2025-11-25 client/elicitation). */
export function profileOf(capabilities: JsonObject): CapabilityProfile {
  const elicitation = capabilities['elicitation'];
  const sampling = capabilities['sampling'];
  const elicits = isObject(elicitation);
  const samples = isObject(sampling);
  return {
    elicitForm: elicits && (isObject(elicitation['form']) || !isObject(elicitation['url'])),
    elicitUrl: elicits && isObject(elicitation['url']),
    sampling: samples,
    samplingTools: samples && isObject(sampling['tools']),
    samplingContext: samples && isObject(sampling['context']),
    roots: isObject(capabilities['roots']),
  };
}

/** The capabilities that say just this profile. */
export function capabilitiesOf(profile: CapabilityProfile): JsonObject {
  const elicitation = { ...(profile.elicitForm && { form: {} }), ...(profile.elicitUrl && { url: {} }) };
  const sampling = { ...(profile.samplingTools && { tools: {} }), ...(profile.samplingContext && { context: {} }) };
  return {
    ...((profile.elicitForm || profile.elicitUrl) && { elicitation }),
    ...(profile.sampling && { sampling }),
    ...(profile.roots && { roots: {} }),
  };
}

/** A short stable key of a profile, for handle keys: equal profiles have equal keys. */
export function profileKey(profile: CapabilityProfile): string {
  return (
    (profile.elicitForm ? 'f' : '') +
    (profile.elicitUrl ? 'u' : '') +
    (profile.sampling ? 's' : '') +
    (profile.samplingTools ? 't' : '') +
    (profile.samplingContext ? 'c' : '') +
    (profile.roots ? 'r' : '')
  );
}

/** What a server declared of itself, in whichever era. */
export interface ServerFacts {
  /** `serverInfo` as JSON bytes, verbatim. */
  readonly info: Buffer;
  readonly capabilities: JsonObject;
  readonly instructions: string | undefined;
}
