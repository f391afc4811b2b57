import { type FormEvent, useState } from 'react';
import { signIn } from '../wire/oauth.js';
import { openSession } from '../wire/streamable-http.js';
import type { Connection } from './app.js';
import { textOf, type Tool } from './schema-form.js';

interface ConnectFormProps {
  readonly defaultUrl: string;
  readonly connection: Connection | undefined;
  readonly onChange: (connection: Connection | undefined) => void;
}

export function ConnectForm({ defaultUrl, connection, onChange }: ConnectFormProps) {
  const [usesOAuth, setUsesOAuth] = useState(false);
  const [busy, setBusy] = useState('');
  const [problem, setProblem] = useState('');

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => textOf(form, name).trim();
    setProblem('');
    setBusy(usesOAuth ? 'Waiting for you to sign in, in the other window' : 'Connecting');
    const popup = usesOAuth ? window.open('', '_blank', 'popup,width=520,height=680') : null;
    const credential = usesOAuth
      ? signInWith(popup, { url: text('url'), clientId: text('clientId'), scopes: text('scopes') })
      : Promise.resolve(text('key'));
    credential
      .then((one) => connect(text('url'), one))
      .then(onChange)
      .catch((error: unknown) => {
        popup?.close();
        setProblem((error as Error).message);
      })
      .finally(() => setBusy(''));
  };

  if (connection) return <Connected connection={connection} onChange={onChange} />;
  return (
    <section aria-labelledby="connect">
      <h2 id="connect">Connect</h2>
      <form onSubmit={submit}>
        <label>
          Server
          <input name="url" type="url" required defaultValue={defaultUrl} spellCheck={false} />
        </label>
        <fieldset>
          <legend>With</legend>
          <label className="inline">
            <input type="radio" name="how" checked={!usesOAuth} onChange={() => setUsesOAuth(false)} />
            an API key
          </label>
          <label className="inline">
            <input type="radio" name="how" checked={usesOAuth} onChange={() => setUsesOAuth(true)} />
            OAuth
          </label>
        </fieldset>
        {usesOAuth ? <OAuthFields /> : <KeyField />}
        <button type="submit" disabled={busy !== ''}>
          Connect
        </button>
      </form>
      <p role="status">{busy}</p>
      <p role="alert">{problem}</p>
    </section>
  );
}

function KeyField() {
  return (
    <label>
      Key
      <input name="key" type="password" required autoComplete="off" spellCheck={false} />
    </label>
  );
}

function OAuthFields() {
  return (
    <>
      <label>
        Client id <small>(empty: this page registers itself)</small>
        <input name="clientId" autoComplete="off" spellCheck={false} />
      </label>
      <label>
        Scopes <small>(empty: those that the server names)</small>
        <input name="scopes" autoComplete="off" spellCheck={false} />
      </label>
    </>
  );
}

function Connected({
  connection,
  onChange,
}: Pick<ConnectFormProps, 'onChange'> & { connection: Connection }) {
  const { session, url } = connection;
  const leave = () => {
    session.close().catch(() => {}); // it ends by itself when it is no longer used
    onChange(undefined);
  };
  return (
    <section aria-labelledby="connect">
      <h2 id="connect">Connected</h2>
      <p role="status">
        {session.server.name} {session.server.version} at <code>{url}</code>
      </p>
      <button type="button" onClick={leave}>
        Disconnect
      </button>
    </section>
  );
}

async function connect(url: string, credential: string): Promise<Connection> {
  const session = await openSession(url, credential);
  const { tools } = (await session.request('tools/list', {})) as { tools: readonly Tool[] };
  return { url, credential, session, tools };
}

async function signInWith(popup: Window | null, request: Parameters<typeof signIn>[0]): Promise<string> {
  if (!popup) throw new Error('The browser blocked the window to sign in with: allow it for this page.');
  return signIn(request, popup);
}
