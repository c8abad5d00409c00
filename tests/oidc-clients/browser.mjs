// What a person's browser does: it keeps cookies, follows redirects and fills in forms. Each request has a connection of its own, so
// that the regions take turns.
import assert from 'node:assert/strict';
import http from 'node:http';

// `fetch` on a new connection.
export const fetchAlone = (url, { method = 'GET', headers, body } = {}) => new Promise((done, failed) => {
  const sent = Object.fromEntries(new Headers(headers));
  const text = body === undefined || body === null ? undefined : String(body);
  if (text !== undefined) { sent['content-length'] = Buffer.byteLength(text); }
  const request = http.request(url, { method, agent: false, headers: sent }, (response) => {
    const chunks = [];
    response.on('data', (chunk) => chunks.push(chunk));
    response.on('error', failed);
    response.on('end', () => {
      const received = new Headers();
      for (let i = 0; i < response.rawHeaders.length; i += 2) { received.append(response.rawHeaders[i], response.rawHeaders[i + 1]); }
      const content = [204, 304].includes(response.statusCode) ? null : Buffer.concat(chunks);
      done(new Response(content, { status: response.statusCode, headers: received }));
    });
  });
  request.on('error', failed);
  request.end(text);
});

const unescaped = (text) => text.replace(/&(amp|lt|gt|quot|#39);/g,
  (_, name) => ({ amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" })[name]);
const attribute = (tag, name) => {
  const found = new RegExp(`\\s${name}="([^"]*)"`).exec(tag);
  return found ? unescaped(found[1]) : undefined;
};

export class Browser {
  constructor(person) {
    this.person = person;
    this.cookies = new Map();
    this.signedIn = 0;
  }

  async ask(url, options = {}) {
    const { hostname } = new URL(url);
    const kept = this.cookies.get(hostname) ?? new Map();
    this.cookies.set(hostname, kept);
    const cookie = [...kept].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetchAlone(url, { ...options, headers: { accept: 'text/html', ...options.headers, ...(cookie ? { cookie } : {}) } });
    for (const line of response.headers.getSetCookie()) {
      const [pair] = line.split(';');
      const name = pair.slice(0, pair.indexOf('=')), value = pair.slice(pair.indexOf('=') + 1);
      const isOver = value === '' || /max-age=0|expires=thu, 01.jan.1970/i.test(line);
      if (isOver) { kept.delete(name); } else { kept.set(name, value); }
    }
    return response;
  }

  // Opens a URL and does what the pages ask for. It returns the URL to which they lead outside of `origins`, or the last page.
  async open(start, ...origins) {
    let url = new URL(start), response = await this.ask(url);
    for (let step = 0; step < 16; step += 1) {
      if ([302, 303].includes(response.status)) {
        url = new URL(response.headers.get('location'), url);
        if (!origins.includes(url.origin)) { return { url }; }
        response = await this.ask(url);
        continue;
      }
      const html = await response.text();
      const form = /<form[^>]*>([^]*?)<\/form>/.exec(html);
      if (!form) { return { url, status: response.status, html }; }
      assert.equal(response.status, 200, html);
      const action = new URL(attribute(form[0], 'action'), url);
      const fields = new URLSearchParams();
      for (const [tag] of form[1].matchAll(/<(?:input|button)[^>]*>/g)) {
        const name = attribute(tag, 'name');
        if (name && attribute(tag, 'value') !== 'reject') { fields.append(name, attribute(tag, 'value') ?? ''); }
      }
      if (fields.has('password')) {
        this.signedIn += 1;
        fields.set('identifier', this.person.email);
        fields.set('password', this.person.password);
      }
      const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: url.origin };
      url = action;
      response = await this.ask(url, { method: 'POST', headers, body: fields });
    }
    throw new Error(`no end of pages at ${url}`);
  }
}

// A port that is free now.
export const freePort = () => new Promise((done) => {
  const server = http.createServer();
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => done(port));
  });
});
