/** Audit files as a server writes them. */
import { generateKeyPairSync } from 'node:crypto';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Audit, type AuditOptions, openAudit } from '../../../../src/server/observe/audit.js';
import type { AuditFacts } from '../../../../src/server/observe/audit-record.js';

const keys = generateKeyPairSync('ed25519');

export class AuditFiles {
  private constructor(readonly directory: string) {}

  static async make(): Promise<AuditFiles> {
    return new AuditFiles(await mkdtemp(join(tmpdir(), 'audit-')));
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** A server that writes to this file, and its checkpoints to `checkpoints.log`. */
  open(name: string, options: Partial<AuditOptions> = {}): Audit {
    return openAudit({
      sinks: [{ kind: 'file', path: this.path(name) }],
      mode: 'strict',
      hmacKey: Buffer.alloc(32, 1),
      replica: 'pod-1',
      signingKey: keys.privateKey,
      checkpointSink: { kind: 'file', path: this.path('checkpoints.log') },
      ...options,
    });
  }

  /** A server that answers so many requests and ends. */
  async write(name: string, count: number, options: Partial<AuditOptions> = {}): Promise<void> {
    const audit = this.open(name, options);
    for (let i = 0; i < count; i++) audit.trail(`${name}-${i}`, FACTS).end();
    await audit.close();
  }

  async lines(name: string): Promise<string[]> {
    return (await readFile(this.path(name), 'utf8')).split('\n').slice(0, -1);
  }

  async change(name: string, change: (lines: string[]) => readonly string[]): Promise<void> {
    const lines = change(await this.lines(name));
    await writeFile(this.path(name), lines.map((line) => `${line}\n`).join(''));
  }

  append(name: string, text: string): Promise<void> {
    return appendFile(this.path(name), text);
  }

  /** @returns the path of the public key */
  async publicKey(key = keys.publicKey): Promise<string> {
    await writeFile(this.path('audit.pub'), key.export({ format: 'pem', type: 'spki' }));
    return this.path('audit.pub');
  }

  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}

const FACTS: AuditFacts = {
  'client.address': '192.0.2.1',
  'http.method': 'POST',
  'http.path': '/mcp/é\u2028',
  'gen_ai.tool.name': 'search',
  decision: 'allow',
  caller: { issuer: 'https://issuer.example', subject: 'ann', method: 'jwt', scopes: ['a'] },
  detail: { 10: 'x', 9: 'y', 'a b': null },
};
