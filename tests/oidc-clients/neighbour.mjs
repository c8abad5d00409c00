// Another OpenID Provider, at which every person is signed in already. It says who comes, and no more than is asked of it.
import crypto from 'node:crypto';
import http from 'node:http';

export async function startProvider() {
  const { publicKey, privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const nonces = new Map();
  const text = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  // Who is signed in there. Without anyone, the person did not want to.
  const there = { subject: null };
  let issuer;
  const answers = {
    '/.well-known/openid-configuration': () => ({
      issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/jwks`,
      response_types_supported: ['code'], subject_types_supported: ['public'], id_token_signing_alg_values_supported: ['ES256'],
    }),
    '/jwks': () => ({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256', use: 'sig' }] }),
  };
  const token = (nonce) => {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: issuer, aud: 'umoja', sub: there.subject, nonce, iat: now, exp: now + 300, email_verified: false };
    const signed = `${text({ alg: 'ES256', kid: 'k1', typ: 'JWT' })}.${text(claims)}`;
    const signature = crypto.sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return `${signed}.${signature.toString('base64url')}`;
  };
  const server = http.createServer((request, response) => {
    const url = new URL(request.url, issuer);
    const json = (body) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (answers[url.pathname]) { return json(answers[url.pathname]()); }
    if (url.pathname === '/authorize') {
      const back = new URL(url.searchParams.get('redirect_uri'));
      const code = crypto.randomUUID();
      nonces.set(code, url.searchParams.get('nonce'));
      const answer = there.subject ? { code } : { error: 'access_denied' };
      for (const [name, value] of Object.entries({ ...answer, state: url.searchParams.get('state') })) {
        back.searchParams.set(name, value);
      }
      response.writeHead(303, { location: back.href });
      return response.end();
    }
    let body = '';
    request.on('data', (chunk) => { body += chunk; });
    return request.on('end', () => {
      const nonce = nonces.get(new URLSearchParams(body).get('code'));
      json({ access_token: 'none', token_type: 'Bearer', id_token: token(nonce) });
    });
  });
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  issuer = `http://localhost:${server.address().port}`;
  const end = () => { server.closeAllConnections(); server.close(); };
  return { issuer, there, end };
}
