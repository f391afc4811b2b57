import { useState } from 'react';
import type { Session } from '../wire/streamable-http.js';
import { type Entry, type Level, LEVELS } from './use-run.js';

interface LogProps {
  readonly session: Session;
  readonly entries: readonly Entry[];
}

/** The level is asked of the server, which then sends no less; what it sent before is hidden here. */
export function Log({ session, entries }: LogProps) {
  const [level, setLevel] = useState<Level>('debug');
  const [problem, setProblem] = useState('');
  const choose = (chosen: Level) => {
    setLevel(chosen);
    setProblem('');
    session
      .request('logging/setLevel', { level: chosen })
      .catch((error: unknown) => setProblem((error as Error).message));
  };
  const isShown = (entry: Entry) =>
    entry.level === 'connection' ||
    entry.level === 'task' ||
    LEVELS.indexOf(entry.level) >= LEVELS.indexOf(level);
  const shown = entries.filter(isShown);
  return (
    <>
      <h3 id="log">Log</h3>
      <label className="inline">
        From level{' '}
        <select value={level} onChange={(event) => choose(event.target.value as Level)}>
          {LEVELS.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
      <p role="alert">{problem}</p>
      <div className="log" role="log" aria-labelledby="log" tabIndex={0}>
        {shown.map(({ key, at, level: of, text }) => (
          <p key={key} data-level={of}>
            <time>{at.toLocaleTimeString('en-GB')}</time> <b>{of}</b> {text}
          </p>
        ))}
      </div>
    </>
  );
}
