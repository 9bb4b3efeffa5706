// A resource server: express with express-oauth2-jwt-bearer, which judges tokens to the second.
//
// env: ISSUER, the authorization server's URL
import { once } from 'node:events';
import express from 'express';
import { auth, requiredScopes } from 'express-oauth2-jwt-bearer';

const stats = { requests: 0, '2xx': 0, 401: 0, 403: 0 };
const count = (request, response, next) => {
  stats.requests += 1;
  response.on('finish', () => {
    const { statusCode: status } = response;
    const name = status >= 200 && status < 300 ? '2xx' : status;
    stats[name] = (stats[name] ?? 0) + 1;
  });
  next();
};

const app = express();
app.get('/stats', (_, response) => response.json(stats));
app.use(
  count,
  express.raw({ type: () => true, limit: '1mb' }),
  auth({
    issuerBaseURL: process.env.ISSUER,
    audience: 'urn:api:default',
    tokenSigningAlg: 'RS256',
    clockTolerance: 0,
  }),
);
app.all('/documents', ({ body }, response) => response.json({ length: body?.length ?? 0 }));
app.all('/scoped', requiredScopes('api:write'), (_, response) => response.json({}));
app.use((error, request, response, next) => {
  console.error(request.method, request.path, error.message);
  response.status(error.status ?? 500).set(error.headers ?? {}).json({ error: error.code });
});

const server = app.listen(0, '127.0.0.1');
// A server that drops idle connections drops some of them just as they are used again.
server.keepAliveTimeout = 60_000;
await once(server, 'listening');
console.log(`listening http://127.0.0.1:${server.address().port}`);
