import { z } from 'zod';
import { defineTool } from '../server/index.js';

/** Shows what the server knows about its caller, without the credential. */
export const whoami = defineTool({
  name: 'whoami',
  title: 'Who am I?',
  description: 'Tells who the caller is to this server, and which scopes the caller holds.',
  scopes: ['documents:read'],
  annotations: { readOnlyHint: true, openWorldHint: false },
  input: z.object({}),
  output: z.object({
    issuer: z.string(),
    subject: z.string(),
    clientId: z.string().optional(),
    method: z.string(),
    scopes: z.array(z.string()),
  }),
  run: (_input, { caller }) => {
    const { issuer, subject, clientId, method, scopes } = caller;
    return {
      structuredContent: { issuer, subject, method, scopes: [...scopes], ...(clientId && { clientId }) },
    };
  },
});
