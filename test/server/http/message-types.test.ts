import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import express from 'express';
import { createMessageTypes, useMessageTypes } from '../../../src/server/http/message-types.js';

test('Express leaves messages as the server has made them, and all its helpers work on them', async () => {
  const types = createMessageTypes();
  const app = express();
  useMessageTypes(app, types);
  const made: object[] = [];
  const used: object[] = [];
  app.use((req, res) => {
    used.push(Object.getPrototypeOf(req) as object, Object.getPrototypeOf(res) as object);
    res.json({ accepts: req.accepts('json'), isOurs: req.app === app });
  });
  const server = createServer(types);
  server.on('request', (req, res) => {
    made.push(Object.getPrototypeOf(req) as object, Object.getPrototypeOf(res) as object);
  });
  server.on('request', app).listen(0, '127.0.0.1');
  await once(server, 'listening');

  const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);

  expect(await answer.json()).toEqual({ accepts: 'json', isOurs: true });
  expect(made).toEqual([types.IncomingMessage.prototype, types.ServerResponse.prototype]);
  expect(used.map((one, index) => one === made[index])).toEqual([true, true]);
  server.closeAllConnections();
  server.close();
});
