/** One client: how to configure it, and its pitfalls. */

export interface Target {
  /** The name under which the client lists the server. */
  readonly name: string;
  readonly url: string;
}

/** How a client starts the server. Clients choose their own working folder and PATH, so both paths are absolute. */
export interface Process {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

export interface Snippet {
  /** Language of the block; `sh` is pasted into a shell, anything else is the content of the file. */
  readonly language: 'sh' | 'json' | 'toml';
  readonly text: string;
}

export interface ConnectClient {
  readonly id: string;
  readonly title: string;
  /** Where the snippets belong. */
  readonly where: string;
  /** With an API key from the environment, never in the snippet. */
  readonly apiKey: (target: Target) => Snippet;
  /** By OAuth: the client finds the authorization server by itself. */
  readonly oauth: (target: Target) => Snippet;
  /** Over stdio, for clients that can start a process. */
  readonly stdio?: (process: Process) => Snippet;
  /** What to do after the OAuth snippet. */
  readonly signIn: string;
  readonly traps: readonly string[];
}

/** Holds the key wherever a client can read the environment. */
export const KEY_VARIABLE = 'MCP_API_KEY';

export const json = (content: object): Snippet => ({
  language: 'json',
  text: JSON.stringify(content, null, 2),
});

/** The form that most clients share. */
export const mcpServers = ({ name, command, args }: Process): Snippet =>
  json({ mcpServers: { [name]: { command, args } } });

export const shell = (...lines: readonly string[]): Snippet => ({
  language: 'sh',
  text: lines.join(' \\\n  '),
});

/** A word of a shell command: quoted only where the shell would read it otherwise. */
export const word = (text: string): string =>
  /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
