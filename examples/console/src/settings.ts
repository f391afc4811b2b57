/** What whoever serves this page wants it to begin with; `server.ts` answers it. */
export interface Settings {
  readonly url: string;
  /** The classic stream to compare with, where there is one. */
  readonly classicUrl?: string;
}

export async function loadSettings(): Promise<Settings> {
  const response = await fetch('/settings.json');
  return (await response.json()) as Settings;
}
