import { useState } from 'react';
import type { Settings } from '../settings.js';
import type { Session } from '../wire/streamable-http.js';
import { ConnectForm } from './connect-form.js';
import type { Tool } from './schema-form.js';
import { Tools } from './tools.js';
import { COMPARED, Transports } from './transports.js';

export interface Connection {
  readonly url: string;
  /** In this page's memory alone: neither storage, nor a cookie, nor a URL ever has it. */
  readonly credential: string;
  readonly session: Session;
  readonly tools: readonly Tool[];
}

export function App({ settings }: { readonly settings: Settings }) {
  const [connection, setConnection] = useState<Connection>();
  return (
    <>
      <header>
        <h1>MCP console</h1>
        <p>
          This page is served from <code>{location.origin}</code>. The server answers it only while that is
          one of its <code>ALLOWED_ORIGINS</code>.
        </p>
      </header>
      <main>
        <ConnectForm defaultUrl={settings.url} connection={connection} onChange={setConnection} />
        {connection && <Tools key={connection.url} connection={connection} />}
        {connection?.tools.some(({ name }) => name === COMPARED.name) && (
          <Transports
            url={connection.url}
            credential={connection.credential}
            classicUrl={settings.classicUrl}
          />
        )}
      </main>
    </>
  );
}
