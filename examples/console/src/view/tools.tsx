import { type FormEvent, useState } from 'react';
import type { Connection } from './app.js';
import { Log } from './log.js';
import { argumentsOf, SchemaFields, type Tool } from './schema-form.js';
import { type Run, useRun } from './use-run.js';

export function Tools({ connection }: { readonly connection: Connection }) {
  const { session, tools } = connection;
  const [tool, setTool] = useState(tools[0]);
  const { run, log, start, loseConnection } = useRun(connection);
  const isBusy = run.state === 'running' || run.state === 'lost';
  return (
    <>
      <section aria-labelledby="tools">
        <h2 id="tools">Tools</h2>
        <ul className="tools">
          {tools.map((one) => (
            <li key={one.name}>
              <button type="button" aria-pressed={one === tool} onClick={() => setTool(one)}>
                {one.name}
              </button>
            </li>
          ))}
        </ul>
        {tool ? (
          <ToolForm key={tool.name} {...{ tool, isBusy, start }} />
        ) : (
          <p>Your credential may call none.</p>
        )}
      </section>
      <section aria-labelledby="run">
        <h2 id="run">Run</h2>
        <Progress run={run} />
        <button type="button" disabled={run.state !== 'running'} onClick={loseConnection}>
          Lose the connection
        </button>
        <Log session={session} entries={log} />
        <h3 id="result">Result</h3>
        <pre aria-labelledby="result" tabIndex={0} role="region">
          {run.outcome ?? 'None yet.'}
        </pre>
      </section>
    </>
  );
}

interface ToolFormProps {
  readonly tool: Tool;
  readonly isBusy: boolean;
  readonly start: (name: string, args: object, asTask: boolean) => Promise<void>;
}

function ToolForm({ tool, isBusy, start }: ToolFormProps) {
  const [problem, setProblem] = useState('');
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const { submitter } = event.nativeEvent as SubmitEvent;
    try {
      const args = argumentsOf(new FormData(event.currentTarget), tool.inputSchema);
      setProblem('');
      void start(tool.name, args, submitter?.id === 'as-task');
    } catch (error) {
      setProblem(`Not JSON: ${(error as Error).message}`);
    }
  };
  return (
    <form onSubmit={submit} aria-label={tool.name}>
      <h3>{tool.title ?? tool.name}</h3>
      <p>{tool.description}</p>
      <SchemaFields schema={tool.inputSchema} />
      <button type="submit" disabled={isBusy}>
        Run {tool.name}
      </button>{' '}
      <button type="submit" id="as-task" disabled={isBusy}>
        As a task
      </button>
      <p role="alert">{problem}</p>
    </form>
  );
}

const STATES: Readonly<Record<Run['state'], string>> = {
  idle: 'Nothing runs.',
  running: 'Running',
  lost: 'Connection lost, coming back',
  done: 'Done',
  failed: 'Failed',
};

function Progress({ run: { state, progress } }: { readonly run: Run }) {
  const isOver = state !== 'running' && state !== 'lost';
  const words = [STATES[state], !isOver && progress?.message].filter(Boolean).join(': ');
  return (
    <>
      <progress
        aria-label="Progress"
        max={progress?.total ?? 1}
        // Without a value the bar is indeterminate, which is true only while something runs.
        value={progress?.done ?? (isOver ? 0 : undefined)}
      />
      <p role="status" data-state={state}>
        {words}
      </p>
    </>
  );
}
