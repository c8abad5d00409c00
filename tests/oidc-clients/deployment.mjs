// A deployment of two regions on this machine, with a company, a person and the clients of the test. Each connection to its issuer
// leads to the other region than the one before.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export const PERSON = { email: 'amina@example.com', password: 'tamarind-and-salt-42', given_name: 'Amina', family_name: 'Okafor' };

// `clients` are the words of `umoja client add` for each id; `at` are the options of `umoja serve` for the issuer.
export async function start(umoja, clients, at = ['--issuer-port', '0']) {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'umoja-oidc-'));
  const file = (name) => path.join(home, name);
  const dir = file('d');
  const run = (words, input) => execFileSync(umoja, words, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'inherit'] });
  run(['init', '--dir', dir, '--regions', 'eu-west-1,af-south-1']);
  run(['company', 'add', 'soko', '--dir', dir, '--scopes', 'all', '--trusted', '--out', file('soko.json')]);
  const secrets = {};
  for (const [id, words] of Object.entries(clients)) {
    const added = run(['client', 'add', id, '--company', 'soko', '--dir', dir, '--json', ...words]);
    secrets[id] = JSON.parse(added).client_secret;
  }
  const log = fs.openSync(file('log'), 'w');
  const server = spawn(umoja, ['serve', '--dir', dir, '--port-base', '0', '--outbound-loopback', '--json', ...at],
    { stdio: ['ignore', 'pipe', log] });
  const served = await new Promise((done, failed) => {
    let text = '';
    server.on('exit', () => failed(new Error(fs.readFileSync(file('log'), 'utf8'))));
    server.stdout.on('data', (chunk) => {
      text += chunk;
      try { done(JSON.parse(text)); } catch { /* more has to come */ }
    });
  });
  const sign = (region, operation, body) => {
    const words = ['sign', '--send', '--json', '--company-file', file('soko.json'), '--url', `${region.url}/v1/users/${operation}`];
    return JSON.parse(run(words, JSON.stringify(body))).body;
  };
  const { email, password, given_name, family_name } = PERSON;
  const umojaCommand = (...words) => JSON.parse(run([...words, '--dir', dir, '--json']));
  // A person whom both regions know.
  const register = (body) => {
    const { user } = sign(served.regions[0], 'register', body);
    while (umojaCommand('user', 'show', user.id).agree !== true) { /* it arrives */ }
    return user;
  };
  const user = register({
    email, email_verified: true, password, profile: { given_name, family_name },
  });
  const end = async () => {
    server.removeAllListeners('exit');
    const ended = new Promise((done) => { server.once('exit', done); });
    server.kill('SIGINT');
    await ended;
    const said = fs.readFileSync(file('log'), 'utf8');
    assert.ok(!said.includes(email) && !said.includes(password), 'the log names the person');
    fs.rmSync(home, { recursive: true });
  };
  return { issuer: served.issuer, regions: served.regions, secrets, user, register, umoja: umojaCommand, file, end };
}
