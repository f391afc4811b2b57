/** A call of revision 2026-07-28 that may become a task (SEP-2663): asked for again until it ends. */
import { type Message, resultOf, send } from './json-rpc.js';

const REVISION = '2026-07-28';
const META = {
  'io.modelcontextprotocol/protocolVersion': REVISION,
  'io.modelcontextprotocol/clientInfo': { name: 'mcp-console', version: '1.0.0' },
  'io.modelcontextprotocol/clientCapabilities': { extensions: { 'io.modelcontextprotocol/tasks': {} } },
};

type Result = Readonly<Record<string, unknown>>;

interface Task extends Result {
  readonly taskId: string;
  readonly status: 'working' | 'input_required' | 'completed' | 'failed' | 'cancelled';
  readonly statusMessage?: string;
  readonly pollIntervalMs?: number;
  readonly result?: Result;
  readonly error?: { readonly code: number; readonly message: string };
}

/**
 * @param onStatus is told each state of a task
 * @returns the result of the call, when the task has ended
 */
export async function callAsTask(
  url: string,
  credential: string,
  call: { readonly name: string; readonly arguments: object },
  onStatus: (status: string) => void,
): Promise<Result> {
  const request = async (method: string, name: string, params: object): Promise<Result> => {
    const response = await send(url, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${credential}`,
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        'MCP-Protocol-Version': REVISION,
        'Mcp-Method': method,
        'Mcp-Name': name,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: META } }),
    });
    return resultOf((await response.json()) as Message);
  };

  const answer = await request('tools/call', call.name, call);
  if (answer['resultType'] !== 'task') return answer;
  for (let task = answer as Task; ; ) {
    const { taskId, status, statusMessage = '', pollIntervalMs = 1000, result, error } = task;
    onStatus(`${status} ${statusMessage}`.trim());
    if (result) return result;
    if (error) throw new Error(`${error.code}: ${error.message}`);
    if (status === 'cancelled') throw new Error(statusMessage);
    await new Promise((resolve) => setTimeout(resolve, pollIntervalMs));
    task = (await request('tasks/get', taskId, { taskId })) as Task;
  }
}
