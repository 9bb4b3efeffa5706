// An authorization server: oidc-provider, certified by the OpenID Foundation. Everything it knows is in
// memory and made at start.
//
// env: TTL, the life of an access token in seconds (3)
//      NONCE=1: each DPoP proof needs a nonce
//      TLS, as JSON: `certificate` and `key` of a second address with TLS, and `clients`, certificates that the client `mtls` may show
//      DELAY, how long the answer to a token call is held back, in milliseconds (0)
import { X509Certificate, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Provider, errors } from 'oidc-provider';

const API = 'urn:api:default';
const RESOURCES = [API, 'urn:api:other'];
const TTL = Number(process.env.TTL ?? 3);
const TLS = JSON.parse(process.env.TLS ?? 'null');
const DELAY = Number(process.env.DELAY ?? 0);

const client = (client_id, client_secret, more = {}) => ({
  client_id,
  client_secret,
  token_endpoint_auth_method: 'client_secret_basic',
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
  ...more,
});

// The public halves of keys that the tests have: public knowledge, or made for tests. `kid` is the algorithm.
const keys = JSON.parse(readFileSync(new URL('../tests/data/oauth_keys.json', import.meta.url)));
const { rsa_pkcs8, p256_pkcs8, ed25519_pkcs8 } = keys.key_files.good;
const signing = Object.entries({
  RS256: rsa_pkcs8,
  PS256: rsa_pkcs8,
  ES256: p256_pkcs8,
  ES384: keys.openssl.good.p384_pkcs8.pem,
  EdDSA: ed25519_pkcs8,
});
const publicJwk = (pem, alg) => ({ ...createPublicKey(pem).export({ format: 'jwk' }), alg, kid: alg, use: 'sig' });

const certificateJwk = (pem) => {
  const certificate = new X509Certificate(pem);
  return { ...certificate.publicKey.export({ format: 'jwk' }), use: 'sig', x5c: [certificate.raw.toString('base64')] };
};

const clients = [
  client('basic', 'basic-secret'),
  client('post', 'post-secret', { token_endpoint_auth_method: 'client_secret_post' }),
  // In Basic, it matters how these are encoded (RFC 6749 section 2.3.1 and appendix B).
  client('app:one two', 'p@ss+w%rd/=&: ~!"x'),
  client('refreshing', 'refreshing-secret', { grant_types: ['client_credentials', 'refresh_token'] }),
  client('dpop', 'dpop-secret', { dpop_bound_access_tokens: true }),
  ...(TLS ? [client('mtls', undefined, {
    token_endpoint_auth_method: 'self_signed_tls_client_auth',
    tls_client_certificate_bound_access_tokens: true,
    jwks: { keys: TLS.clients.map(certificateJwk) },
  })] : []),
  client('none', undefined, { token_endpoint_auth_method: 'none' }),
  client('secret-jwt', 'a secret of thirty-two bytes, or more', {
    token_endpoint_auth_method: 'client_secret_jwt',
    token_endpoint_auth_signing_alg: 'HS256',
  }),
  ...signing.map(([alg, pem]) => client(`key-${alg}`, undefined, {
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: alg,
    jwks: { keys: [publicJwk(pem, alg)] },
  })),
];

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

// The issuer's URL has the port in it, so listen first.
const server = createServer().listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients,
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig' }] },
  scopes: ['offline_access', 'api:read', 'api:write'],
  clientAuthMethods: [
    'none', 'client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'self_signed_tls_client_auth',
  ],
  enabledJWA: {
    clientAuthSigningAlgValues: ['HS256', ...signing.map(([alg]) => alg)],
    dPoPSigningAlgValues: ['ES256', 'EdDSA'],
  },
  clockTolerance: 0,
  rotateRefreshToken: true,
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => process.env.NONCE === '1' },
    mTLS: {
      enabled: true,
      certificateBoundAccessTokens: true,
      selfSignedTlsClientAuth: true,
      getCertificate: (ctx) => ctx.socket.getPeerX509Certificate?.(),
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => API,
      useGrantedResource: () => true,
      getResourceServerInfo: (_, resource) => {
        if (!RESOURCES.includes(resource)) throw new errors.InvalidTarget();
        return {
          audience: resource,
          scope: 'api:read api:write',
          accessTokenFormat: 'jwt',
          accessTokenTTL: TTL,
          jwt: { sign: { alg: 'RS256' } },
        };
      },
    },
  },
  ttl: { AccessToken: TTL, ClientCredentials: TTL, RefreshToken: 3600, Grant: 3600 },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
});

// RFC 6749 section 4.4.3 advises against a refresh token here, so oidc-provider issues none; others do.
// What is done with it later, `grant_type=refresh_token`, is oidc-provider's own: each use replaces it,
// and a second use revokes the whole family.
const firstRefreshToken = async (client) => {
  const accountId = client.clientId;
  const grant = new provider.Grant({ accountId, clientId: client.clientId });
  grant.addOIDCScope('offline_access');
  grant.addResourceScope(API, 'api:read');
  const token = new provider.RefreshToken({
    accountId,
    client,
    grantId: await grant.save(),
    gty: 'client_credentials',
    resource: API,
    scope: 'offline_access api:read',
  });
  return token.save();
};

const stats = { token_calls: 0, grants: {}, errors: {} };
const count = (counters, name) => { counters[name] = (counters[name] ?? 0) + 1; };

provider.use(async (ctx, next) => {
  if (ctx.path === '/stats') {
    ctx.body = stats;
    return;
  }
  if (ctx.path !== '/token') {
    await next();
    return;
  }
  stats.token_calls += 1;
  await next();
  await sleep(DELAY);
  if (ctx.status !== 200) return;
  const { client, params } = ctx.oidc;
  count(stats.grants, params.grant_type);
  if (params.grant_type === 'client_credentials' && client.grantTypeAllowed('refresh_token')) {
    ctx.body.refresh_token = await firstRefreshToken(client);
  }
});
provider.on('grant.error', (_, error) => {
  count(stats.errors, error.error);
  console.error(error.error, error.error_detail ?? error.error_description);
});
provider.on('server_error', (_, error) => console.error(error));

server.on('request', provider.callback());
if (TLS) {
  const options = { cert: TLS.certificate, key: TLS.key, requestCert: true, rejectUnauthorized: false };
  const tls = createTlsServer(options, provider.callback()).listen(0, '127.0.0.1');
  await once(tls, 'listening');
  stats.tls = `https://localhost:${tls.address().port}`;
}
console.log(`listening ${issuer}`);
