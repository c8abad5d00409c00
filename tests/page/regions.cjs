// A deployment of two regions on this machine, with a company and its targets.
'use strict';
const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

exports.start = async (umoja, targets) => {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'umoja-page-'));
  const [dir, company, token] = ['d', 'soko.json', 'token'].map((name) => path.join(home, name));
  const run = (words, input) => execFileSync(umoja, words, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'inherit'] });
  run(['init', '--dir', dir, '--regions', 'eu-west-1,af-south-1']);
  run(['company', 'add', 'soko', '--dir', dir, '--scopes', 'all', '--trusted', '--out', company]);
  run(['company', 'set', 'soko', '--dir', dir, '--page-name', 'Soko', '--page-colour', '#0b6e4f',
    '--return-url', 'shop=https://soko.example/account', '--return-url', 'auth0=https://soko.example/continue']);
  fs.writeFileSync(token, 'a-token\n');
  for (const [id, target] of Object.entries(targets)) {
    run(['target', 'add', id, '--company', 'soko', '--kind', 'scim', '--url', target.url, '--token-file', token, '--dir', dir,
      '--outbound-loopback']);
  }
  const server = spawn(umoja, ['serve', '--dir', dir, '--port-base', '0', '--outbound-loopback', '--json'],
    { stdio: ['ignore', 'pipe', 'ignore'] });
  const served = await new Promise((done, failed) => {
    let text = '';
    server.on('exit', () => failed(new Error('umoja serve has ended')));
    server.stdout.on('data', (chunk) => {
      text += chunk;
      try { done(JSON.parse(text)); } catch { /* more has to come */ }
    });
  });
  const regions = served.regions.map(({ url }) => ({ url, port: Number(new URL(url).port) }));
  const call = (operation, body) => {
    const words = ['sign', '--send', '--json', '--company-file', company, '--url', `${regions[0].url}/v1/users/${operation}`];
    return JSON.parse(run(words, JSON.stringify(body))).body;
  };
  const { kid, api_key, private_key_pem } = JSON.parse(fs.readFileSync(company, 'utf8'));
  const redrive = (id) => run(['target', 'redrive', id, '--dir', dir]);
  const end = async () => {
    server.removeAllListeners('exit');
    const ended = new Promise((done) => { server.once('exit', done); });
    server.kill('SIGINT');
    await ended;
    fs.rmSync(home, { recursive: true });
  };
  return { regions, call, redrive, end, company: { id: 'soko', kid, api_key, private_key_pem } };
};
