// Targets that speak as much SCIM as a new account needs, and can be out.
'use strict';
const http = require('node:http');

exports.start = async () => {
  const target = { isDown: false, users: new Map(), made: 0 };
  const server = http.createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => { text += chunk; });
    request.on('end', () => {
      const answer = (status, body) => {
        response.writeHead(status, { 'content-type': 'application/scim+json' });
        response.end(body && JSON.stringify(body));
      };
      if (target.isDown) { return answer(503); }
      const id = request.url.split('/Users/')[1];
      if (request.method === 'GET' && !id) {
        const wanted = decodeURIComponent(request.url).split('"')[1];
        const found = [...target.users.values()].filter((user) => user.externalId === wanted);
        return answer(200, { totalResults: found.length, Resources: found });
      }
      if (request.method === 'POST') {
        target.made += 1;
        const user = { ...JSON.parse(text), id: `n${target.made}` };
        target.users.set(user.id, user);
        return answer(201, user);
      }
      if (!target.users.has(id)) { return answer(404); }
      if (request.method === 'DELETE') { target.users.delete(id); return answer(204); }
      if (request.method === 'PUT') { target.users.set(id, { ...JSON.parse(text), id }); }
      return answer(200, target.users.get(id));
    });
  });
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  target.url = `http://127.0.0.1:${server.address().port}/v2`;
  target.end = () => { server.close(); server.closeAllConnections(); };
  return target;
};
