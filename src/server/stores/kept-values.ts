/** Keeps texts by name, each for its time. Whoever keeps a secret here seals it before. */
export interface KeptValues {
  get(name: string): Promise<string | undefined>;
  /** Keeps a value; `false`, and nothing changes, when the name has one. */
  add(name: string, value: string, ttlMs: number): Promise<boolean>;
  /** Keeps a value in place of any before. */
  set(name: string, value: string, ttlMs: number): Promise<void>;
  /** The value, which is gone then: of several who take it one gets it. */
  take(name: string): Promise<string | undefined>;
  close(): Promise<void>;
}
