import { type Extension, TASKS } from '../extension.js';
import { createTaskRunner } from './run-task.js';
import { createTaskListener, createTaskMethods } from './task-methods.js';

/** `io.modelcontextprotocol/tasks` (SEP-2663): calls that run on after their answer. Revision 2026-07-28 alone has it. */
export const tasks: Extension = {
  id: TASKS,
  declares: { 2026: {} },
  open(parts) {
    const { asTask, drain, close } = createTaskRunner(parts);
    return { methods: createTaskMethods(parts), listen: createTaskListener(parts), asTask, drain, close };
  },
};
