// An authorization server that does wrong when told to: oauth2-mock-server, whose tokens can be changed before
// they are signed and whose answers before they are sent. It accepts every client, and each has faults and
// counts of its own, so that many faults can be tried at once.
//
// POST /faults/<client_id> takes what is wrong from now on, as JSON; `{}` ends it:
//   claims    of the token, changed; null leaves one out, and `life` stands for `exp`, counted from `iat`
//   members   of the answer, changed: each is JSON as a text, which is sent as it is; "" leaves one out
//   status, headers, body   of the answer, in place of its own; the body is a text
//   delay     how long the answer is held back, in milliseconds
//   broken    the connection breaks in the middle of the answer's body
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { OAuth2Issuer, OAuth2Service } from 'oauth2-mock-server';

const server = createServer().listen(0, '127.0.0.1');
server.keepAliveTimeout = 60_000;
await once(server, 'listening');

const issuer = new OAuth2Issuer();
issuer.url = `http://127.0.0.1:${server.address().port}`;
await issuer.keys.generate('RS256');
const service = new OAuth2Service(issuer);

const clients = new Map();
const client = (id) => {
  if (!clients.has(id)) clients.set(id, { token_calls: 0, fault: {} });
  return clients.get(id);
};
// Its id needs no encoding here.
const clientOf = ({ headers }) => {
  const basic = (headers.authorization ?? '').replace(/^Basic /, '');
  return client(Buffer.from(basic, 'base64').toString().split(':')[0]);
};

service.on('beforeTokenSigning', ({ payload }, request) => {
  const { life, ...claims } = clientOf(request).fault.claims ?? {};
  payload.aud = 'urn:api:default';
  payload.jti = randomUUID(); // without, tokens of the same second are the same
  if (life !== undefined) payload.exp = payload.iat + life;
  for (const [name, claim] of Object.entries(claims)) payload[name] = claim ?? undefined;
});

const change = (answer, members) => {
  const own = Object.entries(answer).map(([name, value]) => [name, JSON.stringify(value)]);
  const all = Object.entries({ ...Object.fromEntries(own), ...members });
  return `{${all.filter(([, text]) => text).map(([name, text]) => `"${name}":${text}`)}}`;
};

const send = async (response, answer, { members, status, headers, body, delay, broken }) => {
  await sleep(delay ?? 0);
  const text = body ?? change(answer, members);
  response.writeHead(status ?? response.statusCode, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    ...headers,
  });
  if (broken) response.write(text.slice(0, text.length / 2), () => response.destroy());
  else response.end(text);
};

server.on('request', async (request, response) => {
  if (request.url === '/stats') {
    const stats = [...clients].map(([id, { token_calls }]) => [id, token_calls]);
    response.end(JSON.stringify({ token_calls: Object.fromEntries(stats) }));
    return;
  }
  if (request.url.startsWith('/faults/')) {
    client(request.url.slice('/faults/'.length)).fault = await json(request);
    response.end();
    return;
  }
  if (request.method === 'POST') {
    const asking = clientOf(request);
    asking.token_calls += 1;
    response.json = (answer) => send(response, answer, asking.fault);
  }
  service.requestHandler(request, response);
});
console.log(`listening ${issuer.url}`);
