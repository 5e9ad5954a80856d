import { type AuditKeys, type SealedLine, splitLine } from './audit-chain.ts';
import type { AuditLine } from './audit-record.ts';
import { carriedMac } from './audit-resume.ts';

/** A line that does not belong where it stands, and why. */
export interface AuditFault {
  readonly file: string;
  readonly line: number;
  readonly reason: string;
}

/** What {@link AuditVerifier} found. */
export interface AuditVerdict {
  readonly ok: boolean;
  readonly records: number;
  readonly firstSeq: number | undefined;
  /** The end of the chain; to be compared with one that is kept elsewhere. */
  readonly last: { readonly seq: number; readonly mac: string } | undefined;
  /** The first of them; `faultCount` says how many there are. */
  readonly faults: readonly AuditFault[];
  readonly faultCount: number;
  /** What is no fault but should be known: gaps, crashes, an end without `gateway.stop`. */
  readonly notes: readonly string[];
}

/** A record that must be in the log. Without a MAC its number alone is looked for. */
export interface ExpectedRecord {
  readonly seq: number;
  readonly mac: string | undefined;
}

const MOST_FAULTS = 20;
const MOST_NOTES = 50;
/** Nobody crashes as often in a row; a file of another kind must not be held in memory. */
const MOST_ODD = 20;
const NO_RECORD = 'the line is no record';

/** Checks the chain line by line, over any number of files that follow each other. */
export class AuditVerifier {
  readonly #keys: AuditKeys;
  readonly #expected: ExpectedRecord | undefined;
  readonly #faults: AuditFault[] = [];
  readonly #notes: string[] = [];
  #faultCount = 0;
  #misfits = 0;
  #records = 0;
  #firstSeq: number | undefined;
  #last: SealedLine | undefined;
  /** Lines that are no record; the next one may say that a crash left them. */
  #odd: AuditLine[] = [];
  #isExpectedSeen = false;
  #end: { readonly file: string; readonly line: number } = { file: '', line: 0 };

  constructor(keys: AuditKeys, expected?: ExpectedRecord) {
    this.#keys = keys;
    this.#expected = expected;
  }

  /** Checks the next line. */
  take(at: AuditLine): void {
    this.#end = at;
    const line = splitLine(at.text);
    if (line === undefined) {
      if (this.#odd.length < MOST_ODD) this.#odd.push(at);
      else this.#fault(at, NO_RECORD);
      return;
    }
    this.#records++;
    this.#checkTorn(line);
    this.#check(at, line);
    this.#note(line.text);
    if (this.#expected?.seq === line.seq) this.#checkExpected(at, line, this.#expected);
    this.#firstSeq ??= line.seq;
    // After a fault the chain is followed as it is written, so that each break is reported once.
    this.#last = line;
  }

  /** What was found, all lines together. */
  finish(): AuditVerdict {
    this.#settleOdd();
    const last = this.#last;
    if (last === undefined && this.#faultCount === 0) this.#fault(this.#end, 'there is no record');
    if (this.#expected !== undefined && !this.#isExpectedSeen && last !== undefined) {
      const { seq } = this.#expected;
      const missing = `record ${seq} is not there: `;
      const cut = `the end was cut off after record ${last.seq}`;
      this.#fault(this.#end, missing + (seq > last.seq ? cut : 'it was deleted, or its file is not given'));
    }
    if (this.#misfits > 1 && this.#misfits === this.#records)
      this.#addNote('no record fits the key: it is most likely another one');
    if (last !== undefined && !last.text.includes('"event":"gateway.stop"'))
      this.#addNote(
        `the log ends at record ${last.seq} without gateway.stop: the gateway runs, was killed, or the end was cut off`,
      );
    return {
      ok: this.#faultCount === 0,
      records: this.#records,
      firstSeq: this.#firstSeq,
      last: last === undefined ? undefined : { seq: last.seq, mac: last.mac },
      faults: this.#faults,
      faultCount: this.#faultCount,
      notes: this.#notes,
    };
  }

  #check(at: AuditLine, line: SealedLine): void {
    const before = this.#last;
    const carried = carriedMac(line.text);
    if (before === undefined && carried === undefined) {
      this.#fault(
        at,
        `the file begins with record ${line.seq}, which is no beginning: what stood before it is missing`,
      );
      return;
    }
    if (before === undefined && line.seq > 0)
      this.#addNote(`the log begins with record ${line.seq}; earlier files are not given`);
    const previous = before?.mac ?? carried ?? '';
    const fits = this.#keys.mac(previous, line.text) === line.mac;
    if (!fits) this.#misfits++;
    if (before !== undefined && line.seq > before.seq + 1) {
      const missing =
        line.seq === before.seq + 2
          ? `record ${before.seq + 1} is`
          : `records ${before.seq + 1} to ${line.seq - 1} are`;
      this.#fault(at, `${missing} missing before record ${line.seq}`);
    } else if (before !== undefined && line.seq <= before.seq) {
      this.#fault(at, `record ${line.seq} stands after record ${before.seq}: it was moved, repeated or inserted`);
    } else if (!fits) {
      this.#fault(
        at,
        `record ${line.seq} does not fit its MAC: it, or the MAC before it, was changed or made without the key`,
      );
    } else if (before !== undefined && carried !== undefined && carried !== before.mac) {
      this.#fault(at, `record ${line.seq} begins another chain`);
    }
  }

  #checkExpected(at: AuditLine, line: SealedLine, { mac }: ExpectedRecord): void {
    this.#isExpectedSeen = true;
    if (mac !== undefined && mac !== line.mac)
      this.#fault(at, `record ${line.seq} is not the expected one: the log was written anew from there or before`);
  }

  /** A record that tells of a torn line excuses exactly that one. */
  #checkTorn({ text }: SealedLine): void {
    const [, bytes, digest] = /,"torn":\{"bytes":(\d+),"digest":"([\w-]+)"\}/.exec(text) ?? [];
    const [first] = this.#odd;
    const odd = this.#odd.map((each) => each.text).join('\n');
    if (first !== undefined && odd.length === Number(bytes) && this.#keys.digest(odd) === digest) {
      this.#odd = [];
      this.#addNote(`${first.file}:${first.line}: ${bytes} bytes were torn by a crash; the chain goes on after them`);
    }
    this.#settleOdd();
  }

  #settleOdd(): void {
    for (const line of this.#odd) this.#fault(line, NO_RECORD);
    this.#odd = [];
  }

  #note(text: string): void {
    const [, dropped, since] = /"event":"log\.gap","dropped":(\d+),"since":"([^"]*)"/.exec(text) ?? [];
    if (dropped !== undefined) this.#addNote(`${dropped} records were dropped from ${since} on: the disk was too slow`);
    if (/"event":"log\.(resume|continue)",.*"tail":"unverified"/.test(text))
      this.#addNote('at a start of the gateway the end of the log did not fit its key');
  }

  #addNote(note: string): void {
    if (this.#notes.length < MOST_NOTES) this.#notes.push(note);
  }

  #fault({ file, line }: { readonly file: string; readonly line: number }, reason: string): void {
    this.#faultCount++;
    if (this.#faults.length < MOST_FAULTS) this.#faults.push({ file, line, reason });
  }
}
