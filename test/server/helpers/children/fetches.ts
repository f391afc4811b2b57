/** Prints what one URL answers; its host is allowed. */
import { safeFetch } from '../../../../src/server/index.js';

const url = process.env['URL'] ?? '';
const { signal } = new AbortController();
const response = await safeFetch(url, { signal, allow: [new URL(url).host] });
process.stdout.write(await response.text());
