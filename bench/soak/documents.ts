/** The documents of the soak, and the calls of the sample tools on them. */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const PROCESSED = 'processed';
export const KEPT = 'kept.txt';
/** Longer than what the operating system takes for a reader that does not read. */
export const LARGE = 'large.txt';
const LARGE_BYTES = 900_000;

export async function writeDocuments(files: string): Promise<void> {
  await mkdir(join(files, PROCESSED), { recursive: true });
  for (let i = 0; i < 20; i++) await writeFile(join(files, PROCESSED, `${i}.txt`), 'text');
  await writeFile(join(files, KEPT), 'kept');
  await writeFile(join(files, LARGE), randomBytes(LARGE_BYTES / 2).toString('hex'));
}

export const uriOf = (path: string) => `documents:///${path}`;

export const WHOAMI = { name: 'whoami', arguments: {} };
export const PROCESS = {
  name: 'process_files',
  arguments: { paths: [PROCESSED] },
  _meta: { progressToken: 'soak' },
};

const deletion = (path: string) => ({ name: 'delete_document', arguments: { path } });

/** What nobody agrees to stays, so that every visit finds as many documents. */
export const UNCONFIRMED = deletion(KEPT);
export const AGREED = { action: 'accept', content: { confirm: true } };

/** Lets `use` delete a document of its own, which is gone afterwards however that went. */
export async function withNew(files: string, use: (params: ReturnType<typeof deletion>) => Promise<unknown>) {
  const path = `${randomUUID()}.txt`;
  await writeFile(join(files, path), 'soon gone');
  try {
    await use(deletion(path));
  } finally {
    await rm(join(files, path), { force: true });
  }
}
