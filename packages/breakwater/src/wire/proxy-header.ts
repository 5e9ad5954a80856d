import { ipv6Of, isIpv4, readIp } from './ip.ts';

/** What a proxy says of a connection before its first byte. */
export type ProxyHeader =
  | {
      readonly kind: 'client';
      /** Who connected to the proxy. */
      readonly address: string;
      readonly port: number;
      /** The client's own connection was TLS, which the proxy took off. */
      readonly encrypted: boolean;
    }
  /** The proxy names nobody: its own health check, or a client of a kind that has no IP address. */
  | { readonly kind: 'unnamed' };

/** What the first bytes of a connection are: `bytes` is the length of a complete header. */
export type ProxyHeaderReading =
  | { readonly state: 'incomplete' }
  | { readonly state: 'invalid'; readonly fault: string }
  | { readonly state: 'complete'; readonly bytes: number; readonly header: ProxyHeader };

const V1_START = Buffer.from('PROXY ');
/** PROXY protocol §2.1: the longest line, with its CRLF. */
const V1_LONGEST_BYTES = 107;
const V1_TCP = /^PROXY (TCP4|TCP6) ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})$/;
const V1_UNKNOWN = /^PROXY UNKNOWN(?: [\x20-\x7e]*)?$/;

const V2_START = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const V2_HEAD_BYTES = 16;
/** Addresses and TLVs; what proxies send is a few hundred bytes, and nobody may make us keep 64 KiB before a word is said. */
const V2_LONGEST_BODY_BYTES = 4_096;

/** Bytes of both addresses and ports, by family and transport (§2.2). Datagrams are left out: this is a stream. */
const V2_ADDRESS_BYTES: Readonly<Record<number, number>> = { 0: 0, 17: 12, 33: 36, 49: 216 };
const TYPE_SSL = 0x20;
const SSL_LEAST_BYTES = 5;
const CLIENT_SSL = 0x01;

const INCOMPLETE: ProxyHeaderReading = { state: 'incomplete' };
const UNNAMED: ProxyHeader = { kind: 'unnamed' };

/** Reads a PROXY protocol header of version 1 or 2 at the start of a connection. Strict: what is not exactly one is invalid as soon as that is sure. */
export function readProxyHeader(bytes: Buffer): ProxyHeaderReading {
  if (startsLike(bytes, V2_START)) return bytes.length < V2_HEAD_BYTES ? INCOMPLETE : readV2(bytes);
  if (startsLike(bytes, V1_START)) return bytes.length < V1_START.length ? INCOMPLETE : readV1(bytes);
  return invalid('no PROXY header');
}

/** True while the bytes and the start agree as far as both go. */
function startsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.subarray(0, length).equals(start.subarray(0, length));
}

function readV1(bytes: Buffer): ProxyHeaderReading {
  const text = bytes.subarray(0, V1_LONGEST_BYTES).toString('latin1');
  const end = text.search(/[^\x20-\x7e]/);
  if (end < 0) return bytes.length < V1_LONGEST_BYTES ? INCOMPLETE : invalid('the line is too long');
  if (text[end] === '\r' && end + 1 === text.length && bytes.length < V1_LONGEST_BYTES) return INCOMPLETE;
  if (!text.startsWith('\r\n', end)) return invalid('the line does not end in CRLF');
  const line = text.slice(0, end);
  const complete = (header: ProxyHeader): ProxyHeaderReading => ({ state: 'complete', bytes: end + 2, header });
  if (V1_UNKNOWN.test(line)) return complete(UNNAMED);
  const [, family, source = '', target = '', port, targetPort] = V1_TCP.exec(line) ?? [];
  const isV4 = family === 'TCP4';
  const address = readIp(source);
  if (address === undefined || readIp(target) === undefined || isIpv4(source) !== isV4 || isIpv4(target) !== isV4) {
    return invalid('the addresses do not fit the family');
  }
  if (Number(port) > 0xffff || Number(targetPort) > 0xffff) return invalid('a port is out of range');
  return complete({ kind: 'client', address, port: Number(port), encrypted: false });
}

function readV2(bytes: Buffer): ProxyHeaderReading {
  const command = bytes.readUInt8(12);
  const family = bytes.readUInt8(13);
  const length = bytes.readUInt16BE(14);
  if (command !== 0x20 && command !== 0x21) return invalid('unknown version or command');
  if (length > V2_LONGEST_BODY_BYTES) return invalid('the header is too long');
  const addressBytes = V2_ADDRESS_BYTES[family];
  if (command === 0x21 && addressBytes === undefined) return invalid('unknown address family');
  if (command === 0x21 && addressBytes !== undefined && length < addressBytes)
    return invalid('the addresses are cut off');
  const end = V2_HEAD_BYTES + length;
  if (bytes.length < end) return INCOMPLETE;
  // §2.2: whatever else stands in the header of a LOCAL connection is skipped.
  const isNamed = command === 0x21 && (family === 0x11 || family === 0x21);
  if (!isNamed) return { state: 'complete', bytes: end, header: UNNAMED };
  const body = bytes.subarray(V2_HEAD_BYTES, end);
  const encrypted = readTlvs(body.subarray(addressBytes));
  if (encrypted === undefined) return invalid('a TLV is cut off');
  const isV4 = family === 0x11;
  const address = isV4 ? body.subarray(0, 4).join('.') : ipv6Of(body.subarray(0, 16));
  return {
    state: 'complete',
    bytes: end,
    header: { kind: 'client', address, port: body.readUInt16BE(isV4 ? 8 : 32), encrypted },
  };
}

/** Whether a TLV says that the client used TLS; undefined when the TLVs do not fill their place exactly. */
function readTlvs(bytes: Buffer): boolean | undefined {
  let encrypted = false;
  let at = 0;
  while (at < bytes.length) {
    if (at + 3 > bytes.length) return undefined;
    const type = bytes.readUInt8(at);
    const end = at + 3 + bytes.readUInt16BE(at + 1);
    if (end > bytes.length) return undefined;
    if (type === TYPE_SSL) {
      if (end - at - 3 < SSL_LEAST_BYTES) return undefined;
      encrypted = (bytes.readUInt8(at + 3) & CLIENT_SSL) !== 0;
    }
    at = end;
  }
  return encrypted;
}

function invalid(fault: string): ProxyHeaderReading {
  return { state: 'invalid', fault };
}
