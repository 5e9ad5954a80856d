import { byTheBook } from '../by-the-book.ts';

/** A client of 2025-06-18 by the book. */
export const spec20250618 = byTheBook('2025-06-18');
